"""The engines for tests that have TensorFlow in their process already."""

from worker.adapters import engines
from worker.adapters.tensorflow import translator
from worker.inference.runtimes import Checkpoint
from worker.inference.translations.job import Answer, Job


class InProcess(engines.Engines):
    """Does jobs in this process: another one would import TensorFlow again, for seconds. Counts them."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def work(self, job: Job, checkpoint: Checkpoint) -> Answer:
        """Do a job here; travels as JSON all the same."""
        checkpoint()
        self.jobs.append(job)
        done = translator.work(Job.model_validate_json(job.model_dump_json()))
        return Answer.model_validate_json(done.model_dump_json())
