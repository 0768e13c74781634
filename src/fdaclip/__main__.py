"""``python -m fdaclip``, as torchrun wants it."""

from fdaclip.cli import main

if __name__ == "__main__":
    main()
