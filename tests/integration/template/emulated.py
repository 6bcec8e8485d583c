"""A stack in a moto server: made by its CloudFormation, and where that lacks a type, by the services' own calls."""

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from mirakuru import HTTPExecutor

from localstack.services import HOST, die_with_parent, free_port, stop
from tests.integration.template.by_call import AGAIN_BY_CALL, BY_CALL, Clients
from tests.integration.template.rendered import REGION, REQUIRED, TEMPLATE, Rendered


@contextmanager
def moto(folder: Path) -> Iterator[Clients]:
    """Start a moto server; gives boto3 clients of it by service. It ends with the block."""
    port = free_port()
    with (folder / "moto.log").open("w") as log:
        server = HTTPExecutor(
            die_with_parent(
                [str(Path(sys.executable).with_name("moto_server")), "-H", HOST, "-p", str(port)]
            ),
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
    """The stack of one set of parameters: what was rendered, what moto made of it, and by which way."""

    def __init__(self, aws: Clients, name: str, **parameters: str) -> None:
        """Create it. Raises botocore's ClientError when moto refuses any part of it."""
        self.aws, self.name = aws, name
        given = {**_network(aws("ec2")), **REQUIRED, "ServiceName": name, "BucketName": f"photos-of-{name}"}
        self.parameters = given | parameters
        self.rendered = Rendered(self.parameters)
        image = self.rendered.parameters["InstanceImage"]
        self.rendered.parameters["InstanceImage"] = aws("ssm").get_parameter(Name=image)["Parameter"]["Value"]
        self.ids = self.rendered.ids
        self.ids.update(self._by_cloudformation())
        self.by_cloudformation = frozenset(self.ids)
        for logical, kind in self.rendered.types.items():
            make = AGAIN_BY_CALL.get(kind) if logical in self.ids else BY_CALL.get(kind)
            if make:
                self.ids[logical] = make(aws, self.rendered.properties(logical))

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
        made = cloudformation.describe_stack_resources(StackName=self.name)["StackResources"]
        known = {
            its["LogicalResourceId"]: its.get("PhysicalResourceId") for its in made if "ResourceType" in its
        }
        names = {logical: self.rendered.properties(logical).get("PolicyName") for logical in known}
        return {logical: names[logical] or physical or "" for logical, physical in known.items()}

    def outputs(self) -> dict[str, str]:
        """What the stack tells."""
        (stack,) = self.aws("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {its["OutputKey"]: its["OutputValue"] for its in stack["Outputs"]}


def _network(ec2: Any) -> dict[str, str]:
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [its["SubnetId"] for its in ec2.describe_subnets()["Subnets"][:2]]
    return {"VpcId": vpc, "SubnetIds": ",".join(subnets)}
