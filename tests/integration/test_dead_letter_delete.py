"""Tests of `python -m worker dead-letters delete`: its question on a terminal, and letters that go meanwhile."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support import ROOT, photos
from tests.support.dead_letters import bury, upload
from tests.support.rig import Rig
from tests.support.waiting import PATIENCE, eventually
from worker.adapters.aws.dead_letters import DeadLetterQueue
from worker.commands.dead_letter_list import read

CTRL_D = "\x04"
QUESTION = "Delete it for good? [y/N] "


class Asked:
    """The command on a terminal, with its question on the screen."""

    def __init__(self, command: subprocess.Popen[str], terminal: int) -> None:
        self._command = command
        self._terminal = terminal
        self.screen = ""
        eventually(self._sees_question, lambda: self.screen)

    def _sees_question(self) -> bool:
        self.screen += os.read(self._terminal, 10_000).decode()
        return self.screen.endswith(QUESTION)

    def answer(self, text: str) -> tuple[int, str, str]:
        """Type an answer: exit code, standard output, and what came on the screen after it."""
        os.write(self._terminal, text.encode())
        out, _ = self._command.communicate(timeout=PATIENCE)
        return self._command.returncode, out, os.read(self._terminal, 10_000).decode()


@contextmanager
def asked(rig: Rig, message_id: str) -> Iterator[Asked]:
    """Run the command with its standard input and error on a terminal; its output goes into a pipe."""
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "worker", "dead-letters", "delete", message_id],
        env=rig.environment,
        cwd=ROOT,
        stdin=end,
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
    ) as command:
        try:
            yield Asked(command, terminal)
        finally:
            command.kill()
            os.close(end)
            os.close(terminal)


def ids(rig: Rig) -> list[str]:
    return [letter.message_id for letter in read(DeadLetterQueue.of(rig.queue_url), 100)]


@pytest.mark.parametrize(("text", "is_deleted"), [("y\n", True), ("\n", False), (CTRL_D, False)])
def test_the_question_shows_the_letter_and_only_yes_deletes_it(rig: Rig, text: str, is_deleted: bool) -> None:
    bury(rig, upload(rig, photos.coffee()), "another")
    first, second = ids(rig)
    with asked(rig, first) as question:
        assert re.search(rf"{first}.*\r\n  .* sent \d+ characters", question.screen)
        code, out, after = question.answer(text)
    assert (code, out) == (0 if is_deleted else 1, "")
    assert ("deleted " + first in after, "nothing was deleted" in after) == (is_deleted, not is_deleted)
    assert "Traceback" not in after
    assert set(ids(rig)) == ({second} if is_deleted else {first, second})


def test_the_letter_is_received_anew_after_the_answer(rig: Rig) -> None:
    """Somebody received it while the question stood there: an older receipt handle is worth nothing."""
    bury(rig, "one")
    (message_id,) = ids(rig)
    with asked(rig, message_id) as question:
        rig.sqs.receive_message(QueueUrl=rig.dead_url, VisibilityTimeout=600)
        code, _, after = question.answer("y\n")
    assert (code, f"has no letter {message_id}" in after) == (1, True)
    assert rig.left(rig.dead_url) == 1


def test_a_letter_that_is_gone_meanwhile_is_reported(rig: Rig) -> None:
    bury(rig, "one")
    (message_id,) = ids(rig)
    with asked(rig, message_id) as question:
        assert rig.run("dead-letters", "delete", "--yes", message_id)[0] == 0
        code, _, after = question.answer("y\n")
    assert (code, f"has no letter {message_id}" in after) == (1, True)


def test_with_standard_input_closed_nobody_is_asked(rig: Rig) -> None:
    bury(rig, "one")
    (message_id,) = ids(rig)
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m worker dead-letters delete {message_id} <&-"],
        env=rig.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "say --yes" in done.stderr
    assert "Traceback" not in done.stderr
