from __future__ import annotations

import pytest

from bicorn.doctor.index import metadata

TEXT = """Metadata-Version: 2.4
Name: Web.App
Version: 1.0
Requires-Python: >=3.9
Requires-Dist: click>=8 ;
 python_version >= "3.9"
Requires-Dist: not a requirement!
License: Long,
        \x20
        \x0cwith an empty line that is none
Provides-Extra: Fast_Way
Classifier: Programming Language :: Python :: Free Threading

Requires-Dist: of-the-description
"""


def test_the_fields_that_matter() -> None:
    found = metadata.parse(TEXT)
    assert (found.name, found.version, found.requires_python, found.extras) == (
        "web-app",
        "1.0",
        ">=3.9",
        ("fast-way",),
    )
    assert [str(item) for item in found.requires] == ['click>=8; python_version >= "3.9"']
    assert found.classifiers == ("Programming Language :: Python :: Free Threading",)


def test_it_survives_the_cache() -> None:
    found = metadata.parse(TEXT)
    again = metadata.from_json(metadata.to_json(found))
    assert again == found
    assert metadata.from_json(metadata.to_json(None)) is None


@pytest.mark.parametrize(
    ("text", "is_settled"),
    [
        ("Metadata-Version: 2.2\n", True),
        ("Metadata-Version: 2.1\n", False),
        ("Metadata-Version: 2.4\nDynamic: Requires-Dist\n", False),
        ("Metadata-Version: 2.4\nDynamic: Description\n", True),
        ("Metadata-Version: two\n", False),
        ("", False),
    ],
)
def test_whether_a_source_archives_metadata_is_settled(text: str, is_settled: bool) -> None:
    assert metadata.settled(metadata.fields(text)) is is_settled


def test_rubbish() -> None:
    assert metadata.parse("\x00\xff no header").name == ""
    assert len(metadata.parse("Name: a\n" + "Requires-Dist: b\n" * 50_000).requires) < 50_000
