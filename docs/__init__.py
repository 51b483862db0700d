"""Documentation that the code itself writes: `python -m docs` generates, `--check` compares."""
