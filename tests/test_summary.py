"""What the terminal prints at the end: inference that holds, primary contrast first."""

from stages.summary import summary

PRIMARY = "distance_syntactic_knn_angular"


def row(source: str, distance: str = PRIMARY, identifiable: str = "True") -> dict[str, str]:
    return {
        **{"intermediate": source, "target": "xnli", "distance": distance, "n": "14"},
        **{"outcome": "drop", "method": "pearson", "r": "0.697", "p_permutation": "0.001"},
        **{"r_within_families": "0.655", "within_low": "0.123", "within_high": "0.89"},
        **{"p_within_families": "1" if source == "qqp" else "0.031"},
        "identifiable": identifiable,
    }


def test_prints_what_holds_for_relatives() -> None:
    text = summary([row("none"), row("none", "distance_genetic_family_angular")], PRIMARY)
    lines = text.splitlines()
    assert lines[2].split()[:5] == ["none", "xnli", "syntactic_knn_angular", "14", ".70"]
    assert ".12 to" in lines[2] and lines[2].endswith(".031")
    assert "genetic_family_angular" in lines[3]
    assert "001" not in text  # the p of independent languages


def test_other_distances_are_those_of_the_first_cell() -> None:
    rows = [row("none"), row("qqp"), row("qqp", "distance_genetic_family_angular")]
    text = summary(rows, PRIMARY)
    assert "genetic" not in text and "1.000" in text


def test_what_is_not_identifiable_has_no_p() -> None:
    line = summary([row("none", identifiable="False")], PRIMARY).splitlines()[2]
    assert line.endswith("not identifiable") and ".031" not in line
