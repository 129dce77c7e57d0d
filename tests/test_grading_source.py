"""The rules of a sheet's source, and what is derived from it."""

import json

import pytest

from teachkit.grading.derive import library_file, student_page
from teachkit.grading.source import SourceError, code, read_source, split

SOURCE = """\
---
kernelspec:
  name: python3
---

# Solutions to sheet 3: Squares

Some words.

```{code-cell} ipython3
from teachkit.grading import Sheet

sheet = Sheet("squares")
```

## The area

```{item} the-area
points: 2
statement: a-square
hints:
  - "Think: what is a square?"
  - side: Multiply.
```

How large is it? An example:

```python
x = 2
```

```{stub}
area = ...
sheet.check("the-area", area)
```

```{solution-start}
```

Four is the answer.

````{note}
```{code-cell} ipython3
:tags: [hide-input]

inner = 1
```
````

```{code-cell} ipython3
---
mystnb:
  figure: {name: fig-square}
---
area = 2 * 2
sheet.check("the-area", area)
```

```{solution-end}
```

## Hand in

```{code-cell} ipython3
sheet.progress()
```
"""
STATEMENTS = {"a-square": {"label": "a-square", "kind": "definition", "title": "S", "chapter": "C", "address": ""}}


def source(tmp_path, text=SOURCE):
    (tmp_path / "solutions").mkdir(exist_ok=True)
    path = tmp_path / "solutions/squares.md"
    path.write_text(text)
    return read_source(path)


def test_an_item_is_read(tmp_path):
    found = source(tmp_path)
    item = found.items["the-area"]
    assert found.title == "Sheet 3: Squares"
    assert (item.title, item.points, item.statement) == ("The area", 2, "a-square")
    assert item.hints == [
        {"text": "Think: what is a square?", "step": ""},
        {"text": "Multiply.", "step": "side"},
    ]
    assert item.stub == 'area = ...\nsheet.check("the-area", area)'
    assert item.solution == ['area = 2 * 2\nsheet.check("the-area", area)']


def test_the_page_for_students_has_the_question_and_no_solution(tmp_path):
    page = student_page(source(tmp_path))
    assert page.startswith('---\nkernelspec:\n  name: python3\nmystnb:\n  execution_mode: "off"\n---\n')
    assert "% Written by `make notebooks` from solutions/squares.md" in page
    assert "# Sheet 3: Squares\n" in page
    assert "```{item} the-area\npoints: 2\nstatement: a-square\n```\n" in page
    assert '```{code-cell} ipython3\narea = ...\nsheet.check("the-area", area)\n```' in page
    assert "```python\nx = 2\n```" in page
    assert "(../solutions/squares.md)" in page
    for secret in ("Four", "2 * 2", "inner", "Multiply", "what is a square", "solution-", "{stub}"):
        assert secret not in page


def test_the_librarys_file_has_points_and_hints(tmp_path):
    known = json.loads(library_file(source(tmp_path), STATEMENTS, "v7"))
    assert known["title"] == "Sheet 3: Squares"
    assert known["version"] == "v7"
    (item,) = known["items"]
    assert (item["name"], item["points"], len(item["hints"])) == ("the-area", 2, 2)
    assert item["statement"] == STATEMENTS["a-square"]


def test_a_label_that_no_statement_has_is_told(tmp_path):
    with pytest.raises(SourceError, match="the-area: no statement of the book has the label 'a-square'"):
        library_file(source(tmp_path), {}, "v7")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# Solutions to sheet 3: Squares", "# Squares", "the title must read"),
        ("points: 2", "points: 0", "points: expected a whole number from 1 to 10, got 0"),
        ("points: 2\n", "", "an item has points, a statement and hints"),
        ("  - side", "  - the side", "quote one with a colon"),
        ("{item} the-area", "{item} The Area", "'The Area' is no name"),
        ("area = ...\nsheet.check", "area = ...\ncheck", "the stub of the-area does not call sheet.check"),
        ("area = 2 * 2\nsheet.check", "area = 2 * 2\ncheck", "the solution of the-area must call"),
        ("```{solution-end}\n```\n", "", "a heading inside a solution: '## Hand in'"),
        ("Four is", "### More\n\nFour is", "a heading inside a solution: '### More'"),
        ("```{solution-start}\n```\n", "", "solution-end does not fit here"),
        ("How large", "(here)=\nHow large", "line 25: a label outside of a solution"),
        ("```python\nx", "```{math}\n:label: eq\nx", "a label outside of a solution"),
        ("```{stub}\narea", "```{stub}\nx\n```\n\n```{stub}\narea", "each item has one"),
        ("sheet.progress()\n```", "sheet.progress()", "the fence is never closed"),
    ],
)
def test_each_broken_rule_is_named_with_its_place(tmp_path, old, new, message):
    assert old in SOURCE
    with pytest.raises(SourceError) as raised:
        source(tmp_path, SOURCE.replace(old, new))
    assert message in str(raised.value)
    assert "line" in str(raised.value)


def test_the_pieces_of_a_page_make_up_the_page():
    assert "\n".join(line for block in split(SOURCE) for line in block.lines) == SOURCE


def test_options_are_no_code():
    cells = [code(block) for block in split(SOURCE) if block.directive == "code-cell"]
    assert cells[1] == 'area = 2 * 2\nsheet.check("the-area", area)'
