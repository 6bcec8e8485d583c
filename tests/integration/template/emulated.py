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
from tests.integration.template.by_call import CREATE_BY_CALL, RECREATE_BY_CALL, Clients
from tests.integration.template.rendered import REGION, REQUIRED, TEMPLATE, Rendered


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
    """The stack for some parameters: the rendered template, and the ids of what moto created."""

    def __init__(self, aws: Clients, name: str, **parameters: str) -> None:
        """Create it. Raises botocore's ClientError when moto refuses a part."""
        self.aws, self.name = aws, name
        defaults = {
            **_network(aws("ec2")),
            **REQUIRED,
            "ServiceName": name,
            "BucketName": f"photos-of-{name}",
        }
        self.parameters = defaults | parameters
        self.rendered = Rendered(self.parameters)
        image = self.rendered.parameters["InstanceImage"]
        self.rendered.parameters["InstanceImage"] = aws("ssm").get_parameter(Name=image)["Parameter"]["Value"]
        self.ids = self.rendered.ids
        self.ids.update(self._by_cloudformation())
        self.by_cloudformation = frozenset(self.ids)
        for logical, kind in self.rendered.types.items():
            create = (RECREATE_BY_CALL if logical in self.ids else CREATE_BY_CALL).get(kind)
            if create:
                self.ids[logical] = create(aws, self.rendered.properties(logical))

    def _by_cloudformation(self) -> dict[str, str]:
        cloudformation = self.aws("cloudformation")
        parameters = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()
        ]
        cloudformation.create_stack(
            StackName=self.name,
            TemplateBody=TEMPLATE.read_text(),
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

    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        (stack,) = self.aws("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {resource["OutputKey"]: resource["OutputValue"] for resource in stack["Outputs"]}


def _network(ec2: Any) -> dict[str, str]:
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [resource["SubnetId"] for resource in ec2.describe_subnets()["Subnets"][:2]]
    return {"VpcId": vpc, "SubnetIds": ",".join(subnets)}
