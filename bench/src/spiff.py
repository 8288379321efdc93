"""Instances of the model a second in SpiffWorkflow, one thread: the peer of the benches `instances` and `durable`.

With a second argument, a database file, the whole state is stored after each step and every step is a durable transaction.
"""
import sqlite3
import sys
import time

from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

parser = BpmnParser()
parser.add_bpmn_file(sys.argv[1])
spec = parser.get_spec("nine")
store = lambda workflow, number: None
if len(sys.argv) > 2:
    from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer

    serializer = BpmnWorkflowSerializer()
    db = sqlite3.connect(sys.argv[2], isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE IF NOT EXISTS instance (id INTEGER PRIMARY KEY, state TEXT NOT NULL)")
    first = db.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM instance").fetchone()[0]

    def store(workflow, number):
        text = serializer.serialize_json(workflow)
        db.execute("INSERT INTO instance VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state",
                   (first + number, text))

done, begun = 0, time.perf_counter()
while time.perf_counter() - begun < 1.0:
    workflow = BpmnWorkflow(spec)
    workflow.data["big"] = done % 2 == 0
    workflow.do_engine_steps()
    store(workflow, done)
    while not workflow.completed:
        for task in workflow.get_tasks(state=TaskState.READY, manual=True):
            task.data["big"] = done % 2 == 0
            task.run()
            workflow.do_engine_steps()
            store(workflow, done)
        workflow.do_engine_steps()
    done += 1
print(done / (time.perf_counter() - begun))
