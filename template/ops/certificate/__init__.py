"""The certificate of a cutover: its form, its sums, the rules of `check`, and listings to compare it with."""
