"""A file appears whole or not at all."""

import pytest

from teachkit._files import write_whole


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_new_content_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with write_whole(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["file"]


def test_an_error_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with write_whole(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]
