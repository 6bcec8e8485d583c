"""What a service says of a resource that was made: every value of its properties, to be found again in the answers."""

import ast
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from tests.integration.template.by_call import Clients

# Where the API's name of a value is another than the template's.
NAMES = {
    "cachesubnetgroupdescription": "description",
    "destinationsecuritygroupid": "groupid",
    "event": "events",
    "expirationindays": "days",
    "groupdescription": "description",
    "queue": "queuearn",
    "replicationgroupdescription": "description",
    "sourcesecuritygroupid": "groupid",
    "subnetidentifier": "subnetids",
}
Leaf = tuple[str, str]


def leaves(value: object, key: str = "") -> Iterator[Leaf]:
    """Every single value with the name it stands under, both as small letters; JSON in a text is read."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, str(name))
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, key)
    elif isinstance(value, str) and value.startswith('{"'):
        yield from leaves(json.loads(value), key)
    elif isinstance(value, str) and value.startswith("{'"):  # moto shows a role's policies as Python does
        yield from leaves(ast.literal_eval(value), key)
    else:
        text = str(value).lower()
        yield NAMES.get(key.lower(), key.lower()), text.removesuffix(".0").strip()


def lost(properties: dict[str, Any], answers: object) -> set[str]:
    """Names of the properties' values that are not in the answers."""
    found = set(leaves(answers))
    return {name for name, value in leaves(properties) if (name, value) not in found}


def answers(aws: Clients, kind: str, physical: str) -> list[Any]:
    """Ask the service for all it knows of a resource; what it refuses to say is left out."""
    said: list[Any] = []
    for ask in ASK[kind]:
        with suppress(ClientError):
            said.append(ask(aws, physical))
    return said


def _queue(aws: Clients, url: str) -> Any:
    said = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {**said, "QueueName": url.rsplit("/", 1)[-1], "Queues": url}


def _role(aws: Clients, name: str) -> Any:
    iam = aws("iam")
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    policies = [iam.get_role_policy(RoleName=name, PolicyName=its) for its in names]
    return [iam.get_role(RoleName=name), policies]


def _role_policies(aws: Clients, name: str) -> Any:
    roles = [role["RoleName"] for role in aws("iam").list_roles()["Roles"]]
    found = [{"Roles": role, **_inline(aws, role, name)} for role in roles]
    return [one for one in found if "PolicyName" in one]


def _inline(aws: Clients, role: str, name: str) -> dict[str, Any]:
    with suppress(ClientError):
        return dict(aws("iam").get_role_policy(RoleName=role, PolicyName=name))
    return {}


def _instances(aws: Clients, name: str) -> Any:
    (said,) = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ]
    return {**said, "VPCZoneIdentifier": said["VPCZoneIdentifier"].split(",")}


def _managed_policy(aws: Clients, arn: str) -> Any:
    iam = aws("iam")
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    version = policy["DefaultVersionId"]
    return [policy, iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]]


def _service(aws: Clients, arn: str) -> Any:
    cluster, service = arn.split("/")[1:]
    (said,) = aws("ecs").describe_services(cluster=cluster, services=[service])["services"]
    return {**said, "cluster": cluster}


def _profile(aws: Clients, name: str) -> Any:
    said = aws("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    return {"Roles": [role["RoleName"] for role in said["Roles"]]}


def _group(aws: Clients, group: str) -> Any:
    return aws("ec2").describe_security_groups(GroupIds=[group])


def _policies(aws: Clients, arn: str) -> Any:
    said = aws("application-autoscaling").describe_scaling_policies(ServiceNamespace="ecs")
    policy = next(its for its in said["ScalingPolicies"] if its["PolicyARN"] == arn)
    target = (policy["ResourceId"], policy["ScalableDimension"], policy["ServiceNamespace"])
    return {**policy, "ScalingTargetId": "|".join(target)}


def _targets(aws: Clients, which: str) -> Any:
    said = aws("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    return next(
        its for its in said["ScalableTargets"] if its["ResourceId"] == which.split("|", maxsplit=1)[0]
    )


def _secret(aws: Clients, arn: str) -> Any:
    secrets = aws("secretsmanager")
    value = secrets.get_secret_value(SecretId=arn)["SecretString"]
    drawn = {"PasswordLength": len(value), "ExcludePunctuation": value.isalnum()}
    return [secrets.describe_secret(SecretId=arn), {"SecretString": value}, drawn]


def _dashboard(aws: Clients, name: str) -> Any:
    return aws("cloudwatch").get_dashboard(DashboardName=name)


Asking = Callable[[Clients, str], Any]
ASK: dict[str, list[Asking]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": [_targets],
    "AWS::ApplicationAutoScaling::ScalingPolicy": [_policies],
    "AWS::AutoScaling::AutoScalingGroup": [_instances],
    "AWS::CloudWatch::Alarm": [lambda aws, its: aws("cloudwatch").describe_alarms(AlarmNames=[its])],
    "AWS::CloudWatch::Dashboard": [_dashboard],
    "AWS::EC2::LaunchTemplate": [
        lambda aws, its: aws("ec2").describe_launch_template_versions(LaunchTemplateId=its)
    ],
    "AWS::EC2::SecurityGroup": [_group],
    "AWS::EC2::SecurityGroupEgress": [_group],
    "AWS::EC2::SecurityGroupIngress": [_group],
    "AWS::ECS::CapacityProvider": [
        lambda aws, its: aws("ecs").describe_capacity_providers(capacityProviders=[its])
    ],
    "AWS::ECS::Cluster": [lambda aws, its: aws("ecs").describe_clusters(clusters=[its])],
    "AWS::ECS::ClusterCapacityProviderAssociations": [
        lambda aws, its: {**aws("ecs").describe_clusters(clusters=[its])["clusters"][0], "cluster": its}
    ],
    "AWS::ECS::Service": [_service],
    "AWS::ECS::TaskDefinition": [
        lambda aws, its: aws("ecs").describe_task_definition(taskDefinition=its)["taskDefinition"]
    ],
    "AWS::ElastiCache::ReplicationGroup": [
        lambda aws, its: aws("elasticache").describe_replication_groups(ReplicationGroupId=its)
    ],
    "AWS::ElastiCache::SubnetGroup": [
        lambda aws, its: aws("elasticache").describe_cache_subnet_groups(CacheSubnetGroupName=its)
    ],
    "AWS::ElastiCache::User": [lambda aws, its: aws("elasticache").describe_users(UserId=its)],
    "AWS::Events::Rule": [
        lambda aws, its: aws("events").describe_rule(Name=its),
        lambda aws, its: aws("events").list_targets_by_rule(Rule=its),
    ],
    "AWS::IAM::InstanceProfile": [_profile],
    "AWS::IAM::ManagedPolicy": [_managed_policy],
    "AWS::IAM::Policy": [_role_policies],
    "AWS::IAM::Role": [_role],
    "AWS::KMS::Key": [
        lambda aws, its: aws("kms").describe_key(KeyId=its),
        lambda aws, its: aws("kms").get_key_policy(KeyId=its, PolicyName="default"),
        lambda aws, its: {
            "EnableKeyRotation": aws("kms").get_key_rotation_status(KeyId=its)["KeyRotationEnabled"]
        },
    ],
    "AWS::Logs::LogGroup": [lambda aws, its: aws("logs").describe_log_groups(logGroupNamePrefix=its)],
    "AWS::Logs::ResourcePolicy": [lambda aws, _: aws("logs").describe_resource_policies()],
    "AWS::S3::Bucket": [
        lambda aws, its: {"BucketName": aws("s3").head_bucket(Bucket=its) and its},
        lambda aws, its: aws("s3").get_bucket_encryption(Bucket=its),
        lambda aws, its: aws("s3").get_bucket_lifecycle_configuration(Bucket=its),
        lambda aws, its: aws("s3").get_bucket_notification_configuration(Bucket=its),
        lambda aws, its: aws("s3").get_bucket_ownership_controls(Bucket=its),
        lambda aws, its: aws("s3").get_public_access_block(Bucket=its),
    ],
    "AWS::S3::BucketPolicy": [
        lambda aws, its: {"Bucket": its, **aws("s3").get_bucket_policy(Bucket=its)},
    ],
    "AWS::SNS::Subscription": [
        lambda aws, its: aws("sns").get_subscription_attributes(SubscriptionArn=its)["Attributes"]
    ],
    "AWS::SNS::Topic": [
        lambda aws, its: {
            "TopicName": its.rsplit(":", 1)[-1],
            **aws("sns").get_topic_attributes(TopicArn=its),
        }
    ],
    "AWS::SecretsManager::Secret": [_secret],
    "AWS::SQS::Queue": [_queue],
    "AWS::SQS::QueuePolicy": [_queue],
}
