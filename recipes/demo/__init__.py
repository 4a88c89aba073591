"""The synthetic dialogs of the demo corpus: who says what and how (script, text), voices, faces, files."""
