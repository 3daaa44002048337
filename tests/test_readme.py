"""What the README names exists: commands, files, settings; and its file tree is the project's."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest
import yaml
from pydantic import BaseModel

from dataprep.config import PrepareConfig
from jobs.config import load_config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = [
    (kind, body) for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
]
PROSE = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
CODE = "\n".join([*(body for _, body in FENCED), *re.findall(r"`([^`\n]+)`", PROSE)])

EXAMPLES = [body for kind, body in FENCED if kind == "yaml"]
TARGETS = sorted(set(re.findall(r"\bmake ([a-z][a-z-]*)", CODE)))
LINKS = sorted(set(re.findall(r"\]\(((?!https?:)[^)#]+)", PROSE)))
PYTHON_FILES = sorted(set(re.findall(r"[\w/]+\.py\b", CODE)))
SETTINGS = sorted(
    set(re.findall(rf"\b(?:{'|'.join(PrepareConfig.model_fields)})\.(?!py\b|json\b)[a-z_]+\b", CODE))
)
OVERRIDES = [word for words in re.findall(r'SET="([^"]+)"', CODE) for word in words.split()]


def ignored(name: str) -> bool:
    """Whether a top-level name is no part of the project: hidden, or listed in .gitignore."""
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    return name.startswith(".") or any(fnmatch(name, pattern.strip("/")) for pattern in patterns)


FOLDERS = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not ignored(path.name))
PATHS = sorted(set(re.findall(rf"(?<![\w./…*-])(?:{'|'.join(FOLDERS)})/[\w./*-]*", CODE)))


def modules(folder: PurePosixPath) -> set[str]:
    """The Python files directly in a folder."""
    return {path.name for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"}


def file_tree() -> Iterator[tuple[PurePosixPath, set[str]]]:
    """Per folder of the README's tree, every name that its own line and the lines right below it give.

    A line is an indent, one or more names, and after two blanks a remark, which may name files of the folder too.
    """
    (tree,) = (body for _, body in FENCED if re.search(r"^jobs/ ", body, re.MULTILINE))
    named: dict[PurePosixPath, set[str]] = {PurePosixPath(): set()}
    parents = {-1: PurePosixPath()}
    for line in tree.splitlines():
        indent = len(line) - len(line.lstrip(" │├└─"))
        names, _, remark = line[indent:].partition("  ")
        parents = {depth: folder for depth, folder in parents.items() if depth < indent}
        folder = parents[max(parents)]
        for name in names.split():
            named[folder].add(name)
            if name.endswith("/"):
                parents[indent] = folder / name
                named[folder / name] = set()
        # A remark speaks of what is in the line's folder; behind a file, of its neighbours.
        told = set(re.findall(r"[\w-]+\.(?:py|md|txt|toml|yaml)\b|[\w-]+/(?!\w)", remark))
        named[parents[max(parents)]] |= told
    yield from named.items()


TREE = dict(file_tree())


def test_the_readme_names_what_these_tests_look_for() -> None:
    assert EXAMPLES
    assert {"demo", "test", "prepare"} <= set(TARGETS)
    assert LINKS
    assert PATHS
    assert PYTHON_FILES
    assert SETTINGS
    assert OVERRIDES


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_exists(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("path", [*LINKS, *PATHS])
def test_every_path_exists(path: str) -> None:
    assert list(ROOT.glob(path.rstrip("/.")))


@pytest.mark.parametrize("name", PYTHON_FILES)
def test_every_python_file_exists(name: str) -> None:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob(Path(name).name)]

    assert any(str(path).endswith(f"/{name}") for path in found)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_configuration_loads_with_the_settings_of_the_example_commands(
    example: str, tmp_path: Path
) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(example, encoding="utf-8")

    config = load_config(str(path), OVERRIDES, PrepareConfig)

    assert config.model_fields_set == set(yaml.safe_load(example)) | {key.split(".")[0] for key in OVERRIDES}


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_exists(setting: str) -> None:
    group, name = setting.split(".")

    kind = PrepareConfig.model_fields[group].annotation

    assert isinstance(kind, type)
    assert issubclass(kind, BaseModel)
    assert name in kind.model_fields


def test_the_tree_has_every_top_level_folder() -> None:
    assert {name.split("/")[0] for name in TREE[PurePosixPath()] if name.endswith("/")} == set(FOLDERS)


def test_the_tree_has_every_file_and_folder_of_the_package() -> None:
    packages = {f"{path.parent.name}/" for path in (ROOT / "dataprep").glob("*/__init__.py")}

    assert TREE[PurePosixPath("dataprep")] == packages | modules(PurePosixPath("dataprep"))


@pytest.mark.parametrize("folder", TREE, ids=str)
def test_a_folder_of_the_tree_exists_with_every_name_it_is_given(folder: PurePosixPath) -> None:
    missing = {name for name in TREE[folder] if not (ROOT / folder / name).exists()}

    assert missing == set()


@pytest.mark.parametrize("folder", TREE, ids=str)
def test_a_folder_that_names_one_python_file_names_all(folder: PurePosixPath) -> None:
    named = {name for name in TREE[folder] if name.endswith(".py")}

    assert named in (set(), modules(folder))
