"""What is shown of a pre-training: its document, tables, figures and page."""
