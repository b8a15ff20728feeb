"""x"""


def main(quick: bool) -> int:
    return 0
