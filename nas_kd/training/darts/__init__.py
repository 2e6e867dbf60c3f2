"""Differentiable search for cells, from parts: relaxation, perturbation, regularisation, order,
selection, teachers. `nas_kd.training.darts.methods` names the published combinations."""
