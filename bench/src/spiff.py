"""Instances of the model a second in SpiffWorkflow, one thread: the peer of the bench `instances`."""
import sys
import time

from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

parser = BpmnParser()
parser.add_bpmn_file(sys.argv[1])
spec = parser.get_spec("nine")
done, begun = 0, time.perf_counter()
while time.perf_counter() - begun < 1.0:
    workflow = BpmnWorkflow(spec)
    workflow.data["big"] = done % 2 == 0
    while not workflow.completed:
        workflow.do_engine_steps()
        for task in workflow.get_tasks(state=TaskState.READY, manual=True):
            task.data["big"] = done % 2 == 0
            task.run()
    done += 1
print(done / (time.perf_counter() - begun))
