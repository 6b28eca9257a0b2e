"""A scan from Python: every finding of one subscription, worst first."""

from azremedy.session import connect

with connect(cloud="sandbox") as azure:
    for found in azure.scan("demo").diagnoses:
        print(found.finding.severity, found.finding.vm.name, found.playbook.id, found.finding.message)
