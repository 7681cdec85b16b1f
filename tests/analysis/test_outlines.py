"""Outlines of many files and their cache: bounded, shared by processes, never a reason to fail."""

import os
import signal
import subprocess
import sys
import sysconfig
import textwrap
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from analysis import cache as caching
from analysis import parse
from analysis.cache import Cache, Recent
from analysis.outlines import MAX_FILE_BYTES, Outline, outline, outlines

FILES = sorted(Path(sysconfig.get_path("stdlib"), "json").glob("*.py"))


@pytest.fixture
def place(tmp_path):
    return tmp_path / "made" / "outlines.db"


def functions(found):
    return [[one.qualified_name for one in file.value.syntax.functions] for file in found]


EXPECTED = [[one.qualified_name for one in parse(path.read_bytes(), "python").syntax.functions] for path in FILES]


def keys_of(place, count):
    """A cache of `count` values, of 10 kB and a little each."""
    with Cache(place, str) as cache:
        for number in range(count):
            value = f"{number:05}" * 2000
            cache.put(b"%016d" % number, value, msgspec.msgpack.encode(value))


def test_outlines_are_those_of_each_file_with_a_cache_and_without(place):
    assert functions(outlines(FILES, workers=0)) == EXPECTED
    assert functions(outlines(FILES, workers=2)) == EXPECTED
    for _ in range(2):
        with Cache(place, Outline) as cache:
            assert functions(outlines(FILES, cache=cache, workers=0)) == EXPECTED


def test_what_is_cached_is_not_parsed_again_and_what_changed_is(place, tmp_path):
    """The cache is told that a file holds nothing: it is believed until the file changes."""
    path = tmp_path / "a.py"
    path.write_text("def first(): pass\n")
    with Cache(place, Outline) as cache:
        empty = Outline(parse("", "python").syntax)
        cache.put(caching.key_of("outline", "python", path.read_bytes()), empty, msgspec.msgpack.encode(empty))
    with Cache(place, Outline) as cache:
        assert functions(outlines([path], cache=cache, workers=0)) == [[]]
        path.write_text("def second(): pass\n")
        assert functions(outlines([path], cache=cache, workers=0)) == [["second"]]


def test_a_file_that_cannot_be_read_says_why_beside_the_others(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "large.py").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    (tmp_path / "loop.py").symlink_to("loop.py")
    paths = [tmp_path / name for name in ("pipe.py", "folder.py", "large.py", "loop.py", "none.py", "a.unknown")]
    found = list(outlines([*paths, FILES[0]], workers=0))
    assert [file.reason for file in found] == [
        "is not a regular file", "is not a regular file", "is longer than 10 MB", "is a link that leads nowhere",
        "does not exist", "its name does not say its language", "",
    ]  # fmt: skip


def test_nothing_that_lies_in_the_current_folder_is_run(tmp_path, monkeypatch):
    (tmp_path / "types.py").write_text("def f(): pass\nopen('run', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    found = list(outlines([tmp_path / "types.py"], workers=1))
    assert [file.reason for file in found] == [""]
    assert not (tmp_path / "run").exists()


def test_the_version_is_a_part_of_the_key(monkeypatch):
    before = caching.key_of("outline", "python", b"")
    monkeypatch.setattr(caching, "version", lambda: b"another")
    assert caching.key_of("outline", "python", b"") != before


@pytest.mark.parametrize("damage", ["no database", "cut in half", "overwritten in the middle", "a value's bytes"])
def test_a_damaged_cache_is_thrown_away_and_made_anew(place, damage):
    with Cache(place, Outline) as cache:
        assert functions(outlines(FILES, cache=cache, workers=0)) == EXPECTED
    content = bytearray(place.read_bytes())
    match damage:
        case "no database":
            content = b"no database at all" * 1000
        case "cut in half":
            del content[len(content) // 2 :]
        case "overwritten in the middle":
            content[4096:] = b"\x13" * (len(content) - 4096)
        case "a value's bytes":
            content = content.replace(b"JSONEncoder", b"JSONENCODER")
    place.write_bytes(content)
    for _ in range(2):
        with Cache(place, Outline) as cache:
            assert functions(outlines(FILES, cache=cache, workers=0)) == EXPECTED
    with capture_logs() as logs, Cache(place, Outline) as cache:
        assert len(cache.get([caching.key_of("outline", "python", path.read_bytes()) for path in FILES])) == len(FILES)
    assert logs == []


def test_where_nothing_can_be_written_it_goes_on_without_and_says_so_once(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with capture_logs() as logs, Cache(tmp_path / "file" / "outlines.db", Outline) as cache:
        for _ in range(3):
            assert functions(outlines(FILES, cache=cache, workers=0)) == EXPECTED
    assert [log["event"] for log in logs] == ["cache cannot be used; going on without"]


def script(text, *arguments):
    return [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)]


WRITER = """
    import sys, resource, signal
    from pathlib import Path
    import msgspec
    from analysis.cache import Cache
    place, first, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    print("begun", flush=True)
    with Cache(place, str) as cache:
        for number in range(first, first + 1000):
            value = f"{number:05}" * 2000
            cache.put(b"%016d" % number, value, msgspec.msgpack.encode(value))
            if number % 20 == 0:
                cache.flush()
    print("done", flush=True)
"""


def test_a_full_disk_costs_the_cache_and_not_the_work(place):
    done = subprocess.run(script(WRITER, place, 0, 1_000_000), capture_output=True, text=True, check=False)
    assert done.returncode == 0
    begun, *said, end = done.stdout.splitlines()
    assert (begun, end) == ("begun", "done")
    assert len(said) == 1
    assert "cache cannot be used; going on without" in said[0]


def test_several_processes_write_at_once_and_nothing_is_lost(place):
    writers = [
        subprocess.Popen(script(WRITER, place, first, 0), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for first in (0, 500, 2000)
    ]
    said = [writer.communicate() for writer in writers]
    assert [out.split() for out, _ in said] == [["begun", "done"]] * 3, said
    with Cache(place, str) as cache:
        assert len(cache.get([b"%016d" % number for number in range(4000)])) == 2500


def test_a_process_that_is_killed_while_it_writes_leaves_a_cache_that_can_be_used(place):
    with subprocess.Popen(script(WRITER, place, 0, 0), stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        while not place.exists() or place.stat().st_size < 200_000:
            assert writer.poll() is None
        writer.send_signal(signal.SIGKILL)
    with capture_logs() as logs, Cache(place, str) as cache:
        found = cache.get([b"%016d" % number for number in range(1000)])
    assert found
    assert all(value == f"{int(key):05}" * 2000 for key, value in found.items())
    assert logs == []


def test_it_stays_within_its_bound_and_keeps_what_was_used_last(place, monkeypatch):
    now = [100]
    monkeypatch.setattr(caching, "_now", lambda: now[0])
    keys_of(place, 100)
    now[0] += 1
    with Cache(place, str) as cache:
        assert len(cache.get([b"%016d" % number for number in range(20)])) == 20
    now[0] += 1
    with Cache(place, str, max_bytes=1_000_000) as cache:
        cache.put(b"newest", "x" * 10_000, msgspec.msgpack.encode("x" * 10_000))
        cache.flush()
    with Cache(place, str) as cache:
        kept = set(cache.get([b"newest", *(b"%016d" % number for number in range(100))]))
    assert kept >= {b"newest", *(b"%016d" % number for number in range(20))}
    assert 70 <= len(kept) <= 80
    assert place.stat().st_size < 1_100_000  # values fill no whole number of pages


def test_memory_holds_what_was_used_last_up_to_its_bound():
    recent = Recent(100)
    for number in range(10):
        recent.put(b"%d" % number, number, 30)
        recent.get(b"0")
    assert recent.bytes == 90
    assert [number for number in range(10) if recent.get(b"%d" % number) is not None] == [0, 8, 9]
    recent.put(b"too large", 0, 101)
    assert recent.get(b"too large") is None


def test_decoded_outlines_take_no_more_memory_than_they_are_counted_for():
    encoded = [outline(("python", path.read_bytes())) for path in FILES]
    tracemalloc.start()
    kept = [msgspec.msgpack.decode(one, type=Outline) for one in encoded]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept
    assert taken <= caching.DECODED_FACTOR * sum(map(len, encoded))
