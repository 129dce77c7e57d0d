"""The figures' modules become one script that a page opened as a file may load."""

import shutil
import subprocess

import pytest

from teachkit.book.figures import bundle


def write(folder, **modules):
    for name, code in modules.items():
        (folder / f"{name}.mjs").write_text(code, "utf-8")
    return folder


def test_bundle_of_the_book_has_no_module_syntax(root):
    script = bundle(root / "extra/figures")
    assert 'load("figures.mjs");' in script
    assert "\nimport " not in script
    assert "\nexport " not in script
    assert "exports.default = build;" in script


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the script")
def test_bundle_runs_like_the_modules(tmp_path):
    folder = write(
        tmp_path,
        figures='import { one } from "./a.mjs";\nconst two = async () => (await import("./b.mjs")).default;\n'
        "two().then((f) => console.log(one + f()));\n",
        a="export const one = 1;\n",
        b='import { one } from "./a.mjs";\nexport default function build() { return one + 1; }\n',
    )
    script = tmp_path / "figures.js"
    script.write_text(bundle(folder), "utf-8")
    done = subprocess.run(["node", script], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"


@pytest.mark.parametrize(
    "code", ['import x from "./a.mjs";', "export { x };", 'import "./a.mjs";', "export let x = 1;"]
)
def test_other_forms_are_refused(tmp_path, code):
    with pytest.raises(ValueError, match=r"figures\.mjs: expected an import or export of a known form"):
        bundle(write(tmp_path, figures=code + "\n"))
