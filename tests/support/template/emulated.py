"""Creates a stack in a moto server: by CloudFormation, and by API calls for types it lacks."""

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from mirakuru import HTTPExecutor

from localstack.services import HOST, die_with_parent, free_port, stop
from tests.support.template.by_call import AMEND_BY_CALL, CREATE_BY_CALL, RECREATE_BY_CALL, Clients
from tests.support.template.rendered import REGION, REQUIRED, Rendered, load


@contextmanager
def moto(folder: Path) -> Iterator[Clients]:
    """Run a moto server; yields a function that returns its boto3 client for a service."""
    port = free_port()
    with (folder / "moto.log").open("w") as log:
        program = str(Path(sys.executable).with_name("moto_server"))
        server = HTTPExecutor(
            die_with_parent([program, "-H", HOST, "-p", str(port)]),
            f"http://{HOST}:{port}/moto-api/",
            timeout=30,
            stdout=log,
            stderr=log,
        )
        server.start()
        try:
            session = boto3.Session("test", "test", region_name=REGION)
            yield functools.cache(
                lambda service: session.client(service, endpoint_url=f"http://{HOST}:{port}")
            )
        finally:
            stop(server)


class Stack:
    """A stack for some parameters: the rendered template, and the ids of what moto created."""

    def __init__(self, aws: Clients, name: str, template: Path, /, **parameters: str) -> None:
        """Create it. Raises botocore's ClientError when moto refuses a part."""
        self.aws, self.name, self._path = aws, name, template
        defaults = {**_network(aws("ec2")), **REQUIRED, "BucketName": f"photos-of-{name}"}
        required = {key for key, its in load(template)["Parameters"].items() if "Default" not in its}
        self.parameters = {key: defaults[key] for key in required} | {"ServiceName": name} | parameters
        self.rendered = Rendered(self.parameters, template)
        if image := self.rendered.parameters.get("InstanceImage"):
            ami = aws("ssm").get_parameter(Name=image)["Parameter"]["Value"]
            self.rendered.parameters["InstanceImage"] = ami
        self.ids = self.rendered.ids
        self.ids.update(self._by_cloudformation())
        self.by_cloudformation = frozenset(self.ids)
        for logical, kind in self.rendered.types.items():
            create = (RECREATE_BY_CALL if logical in self.ids else CREATE_BY_CALL).get(kind)
            if create:
                self.ids[logical] = create(aws, self.rendered.properties(logical))
            if amend := AMEND_BY_CALL.get(kind):
                amend(aws, self.ids[logical], self.rendered.properties(logical))

    def _by_cloudformation(self) -> dict[str, str]:
        cloudformation = self.aws("cloudformation")
        parameters = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()
        ]
        cloudformation.create_stack(
            StackName=self.name,
            TemplateBody=self._path.read_text(),
            Parameters=parameters,
            Capabilities=["CAPABILITY_IAM"],
        )
        resources = cloudformation.describe_stack_resources(StackName=self.name)["StackResources"]
        known = {
            resource["LogicalResourceId"]: resource.get("PhysicalResourceId")
            for resource in resources
            if "ResourceType" in resource
        }
        names = {logical: self.rendered.properties(logical).get("PolicyName") for logical in known}
        return {logical: names[logical] or physical or "" for logical, physical in known.items()}

    def container(self) -> dict[str, Any]:
        """The worker's container, as ECS returns it."""
        answer = self.aws("ecs").describe_task_definition(taskDefinition=self.ids["TaskDefinition"])
        (only,) = answer["taskDefinition"]["containerDefinitions"]
        return dict(only)

    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        (stack,) = self.aws("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {resource["OutputKey"]: resource["OutputValue"] for resource in stack["Outputs"]}


def _network(ec2: Any) -> dict[str, str]:
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [resource["SubnetId"] for resource in ec2.describe_subnets()["Subnets"][:2]]
    return {"VpcId": vpc, "SubnetIds": ",".join(subnets), "BalancerSubnetIds": ",".join(subnets)}
