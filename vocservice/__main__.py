"""`python -m vocservice` in, the command line out."""

from vocservice.cli import main

if __name__ == "__main__":
    main()
