"""What a task is: one typed record each, and the table of all of them."""

from stages.tasks.record import Source, Task
from stages.tasks.table import TASKS, find

__all__ = ["TASKS", "Source", "Task", "find"]
