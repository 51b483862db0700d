"""`python -m shared.security.files`: the process that looks into one file."""

from shared.security.files.process import answer

if __name__ == "__main__":
    answer()
