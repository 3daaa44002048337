import os
import signal

import pytest

from dataprep.local_tasks import LocalTaskError, LocalTasks


def test_answers_come_in_the_order_of_the_payloads_from_other_processes() -> None:
    tasks = LocalTasks(2)

    answers = tasks.run(["3", "1", "2"], lambda payload: f"{int(payload) * 2} {os.getpid()}")

    assert [answer.split()[0] for answer in answers] == ["6", "2", "4"]
    assert str(os.getpid()) not in {answer.split()[1] for answer in answers}
    assert tasks.done == (0, 0)


def test_without_payloads_nothing_is_started() -> None:
    assert LocalTasks(2).run([], lambda payload: payload) == []


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
