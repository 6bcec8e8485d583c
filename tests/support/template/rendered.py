"""Renders a template: resolves its functions for some parameters, as CloudFormation does."""

import base64
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

from tests.support import ROOT

TEMPLATE, DOOR = ROOT / "deploy" / "template.yaml", ROOT / "deploy" / "door.yaml"
MAX_BYTES = 51_200  # of a template that CloudFormation accepts without a bucket
REGION, ACCOUNT = "us-east-1", "123456789012"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": None,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}
REQUIRED = {
    "RepositoryArn": f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/team/photo-score",
    "ImageTag": "1.2.3",
}
# GPU instances, a key of its own, and all optional resources.
GPU = {
    "Launch": "GPU",
    "ClusterName": "gpus",
    "Encryption": "OWN_KEY",
    "ModelBucket": "our-models",
    "ModelRefresh": "300",
    "PhotoExpiryDays": "30",
    "StopTimeout": "120",
    "AlarmEmail": "someone@example.com",
    "DecryptKeyArns": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/of-ours",
    "SettingsFileArn": "arn:aws:s3:::our-settings/worker.env",
}
# Bucket, cluster, Redis and topic exist already.
GUEST = {
    "ClusterName": "shared",
    "ClusterExists": "true",
    "BucketName": "our-photos",
    "BucketExists": "true",
    "RedisUrlSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:redis-AbCdEf",
    "RedisPort": "6380",
    "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call",
}
# Of the door's stack: who may send, and nothing else.
ALONE = {"ClientCidr": "10.0.0.0/8"}
# All that the stack of template.yaml has, and photos are stored too; HTTPS for everybody who has a token.
BOTH = {
    "Launch": "FARGATE_SPOT",
    "Wait": "30",
    "Scheme": "internet-facing",
    "CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/of-ours",
    "ClientCidr": "0.0.0.0/0",
    "TokensSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:tokens-AbCdEf",
    "RedisUrlSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:redis-AbCdEf",
    "BucketName": "our-photos",
    "Store": "true",
    "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:photo-score",
    "KeyArns": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/of-ours",
    "ModelBucket": "our-models",
    "ModelRefresh": "300",
    "AlarmEmail": "someone@example.com",
    "SettingsFileArn": "arn:aws:s3:::our-settings/worker.env",
}
# Cluster with GPU instances and topic exist already.
DOOR_GUEST = {
    "Launch": "GPU",
    "ClusterName": "gpus-for-all",
    "ClusterExists": "true",
    "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call",
}
# Fn::GetAtt: {id} is the physical id, {name} its last part, {path} what follows its last colon. Else <Name.Attribute>.
ATTRIBUTES = {
    ("AWS::EC2::LaunchTemplate", "LatestVersionNumber"): "1",
    ("AWS::EC2::SecurityGroup", "GroupId"): "{id}",
    ("AWS::ECS::Service", "Name"): "{name}",
    ("AWS::ElastiCache::ReplicationGroup", "PrimaryEndPoint.Address"): "redis.example.com",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName"): "{path}",
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupFullName"): "{path}",
    ("AWS::Events::Rule", "Arn"): f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{id}}",
    ("AWS::IAM::InstanceProfile", "Arn"): f"arn:aws:iam::{ACCOUNT}:instance-profile/{{id}}",
    ("AWS::IAM::Role", "Arn"): f"arn:aws:iam::{ACCOUNT}:role/{{id}}",
    ("AWS::KMS::Key", "Arn"): f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{id}}",
    ("AWS::Logs::LogGroup", "Arn"): f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{id}}:*",
    ("AWS::S3::Bucket", "Arn"): "arn:aws:s3:::{id}",
    ("AWS::SQS::Queue", "Arn"): f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{name}}",
    ("AWS::SQS::Queue", "QueueName"): "{name}",
}


def load(path: Path = TEMPLATE) -> dict[str, Any]:
    """Read a template, with its functions in their long form."""
    template: dict[str, Any] = cfn_yaml.load(str(path))
    return template


class Rendered:
    """A template for some parameters. `ids` are physical ids, filled as resources are created."""

    def __init__(self, parameters: Mapping[str, str], path: Path = TEMPLATE) -> None:
        """Evaluate the conditions. Raises KeyError when a required parameter is missing."""
        self._template = load(path)
        self.ids: dict[str, str] = {}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self._holds,
            "Fn::Base64": lambda text: base64.b64encode(str(self.resolve(text)).encode()).decode(),
            "Fn::Equals": lambda two: len({str(self.resolve(one)) for one in two}) == 1,
            "Fn::And": lambda parts: all(self.resolve(part) for part in parts),
            "Fn::Or": lambda parts: any(self.resolve(part) for part in parts),
            "Fn::Not": lambda part: not self.resolve(part[0]),
            "Fn::FindInMap": self._find,
            "Fn::GetAtt": self._attribute,
            "Fn::If": lambda three: self.resolve(three[1 if self._holds(three[0]) else 2]),
            "Fn::Join": lambda two: str(two[0]).join(map(str, self.resolve(two[1]))),
            "Fn::Select": lambda two: self.resolve(two[1])[int(two[0])],
            "Fn::Split": lambda two: str(self.resolve(two[1])).split(two[0]),
            "Fn::Sub": self._substitute,
        }
        self.parameters = {name: self._parameter(name, parameters) for name in self._template["Parameters"]}
        resources = self._template["Resources"].items()
        self.types: dict[str, str] = {
            name: resource["Type"]
            for name, resource in resources
            if "Condition" not in resource or self._holds(resource["Condition"])
        }

    def properties(self, name: str) -> dict[str, Any]:
        """Return a resource's resolved properties."""
        resolved: dict[str, Any] = self.resolve(self._template["Resources"][name].get("Properties", {}))
        return resolved

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of every resource of a type, by name."""
        return {name: self.properties(name) for name, type_ in self.types.items() if type_ == kind}

    def complaints(self) -> list[str]:
        """Return what CloudFormation says of parameters that the template's rules refuse."""
        return [
            assertion["AssertDescription"]
            for rule in self._template.get("Rules", {}).values()
            if self.resolve(rule.get("RuleCondition", True))
            for assertion in rule["Assertions"]
            if not self.resolve(assertion["Assert"])
        ]

    def resolve(self, value: Any) -> Any:
        """Resolve all functions in a value, and leave out AWS::NoValue."""
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (function := self._functions.get(next(iter(value)))):
            return function(next(iter(value.values())))
        resolved = {key: self.resolve(one) for key, one in value.items()}
        return {key: one for key, one in resolved.items() if one is not None}

    def _parameter(self, name: str, parameters: Mapping[str, str]) -> Any:
        declared = self._template["Parameters"][name]
        value = str(parameters[name] if name in parameters else declared["Default"])
        is_list = declared["Type"].startswith(("List", "CommaDelimitedList"))
        return value.split(",") if is_list else value

    def _holds(self, condition: str) -> bool:
        return bool(self.resolve(self._template["Conditions"][condition]))

    def _ref(self, name: str) -> Any:
        if name in PSEUDO:
            return PSEUDO[name]
        return self.parameters[name] if name in self.parameters else self.ids.get(name, f"<{name}>")

    def _find(self, path: list[Any]) -> Any:
        found = self._template["Mappings"]
        for step in path:
            found = found[self.resolve(step)]
        return found

    def _attribute(self, path: list[str]) -> str:
        name, attribute = path
        form = ATTRIBUTES.get((self._template["Resources"][name]["Type"], attribute))
        if form is None:
            return f"<{name}.{attribute}>"
        known = str(self._ref(name))
        last = known.rpartition(":")[2].removeprefix("loadbalancer/")
        return form.format(id=known, name=known.rsplit("/", 1)[-1], path=last)

    def _substitute(self, value: Any) -> str:
        text, own = (value[0], value[1]) if isinstance(value, list) else (value, {})

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in own:
                return str(self.resolve(own[name]))
            return str(self._attribute(name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", replace, text)
