import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dataprep.local_tasks import LocalTaskError, LocalTasks

ROOT = Path(__file__).parents[2]


def test_answers_come_in_the_order_of_the_payloads_from_other_processes() -> None:
    tasks = LocalTasks(2)

    answers = tasks.run(["3", "1", "2"], lambda payload: f"{int(payload) * 2} {os.getpid()}")

    assert [answer.split()[0] for answer in answers] == ["6", "2", "4"]
    assert str(os.getpid()) not in {answer.split()[1] for answer in answers}
    assert tasks.done == (0, 0)


def test_without_payloads_nothing_is_started() -> None:
    assert LocalTasks(2).run([], lambda payload: payload) == []


def test_the_processes_stay_until_they_are_closed() -> None:
    tasks = LocalTasks(1)

    first, second = (tasks.run([""], lambda _: str(os.getpid())) for _ in range(2))
    tasks.close()
    third = tasks.run([""], lambda _: str(os.getpid()))
    tasks.close()

    assert first == second
    assert third != first


def test_processes_end_with_the_one_that_started_them_even_if_it_is_killed(tmp_path: Path) -> None:
    ticks = tmp_path / "ticks"
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import time
from pathlib import Path
from dataprep.local_tasks import LocalTasks

def tick(_):
    while True:
        with Path({str(ticks)!r}).open("a") as file:
            file.write(".")
        time.sleep(0.01)

if __name__ == "__main__":
    LocalTasks(1).run([""], tick)
"""
    )
    process = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env={**os.environ, "PYTHONPATH": "."})
    while not ticks.exists():
        assert process.poll() is None
        time.sleep(0.01)

    process.kill()
    process.wait()
    time.sleep(1)
    size = ticks.stat().st_size
    time.sleep(0.5)

    assert ticks.stat().st_size == size


def test_what_a_task_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        LocalTasks(1).run(["0"], lambda payload: str(1 / int(payload)))


def test_a_process_that_is_killed_is_told_with_what_to_do() -> None:
    def killed(payload: str) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return payload

    with pytest.raises(
        LocalTaskError, match=r"was killed, .* use fewer cores .* or a smaller engine.batch_bytes"
    ):
        LocalTasks(1).run(["x"], killed)


def test_the_calls_of_one_block_share_their_processes() -> None:
    with LocalTasks(1) as tasks:
        processes = {tasks.run([""], lambda _: str(os.getpid()))[0] for _ in range(2)}

    assert len(processes) == 1
    assert str(os.getpid()) not in processes
