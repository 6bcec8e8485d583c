"""Reads created resources back from their services, and finds the property values that got lost."""

import ast
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from tests.support.template.by_call import Clients

# Values that the API names differently from the template.
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
    "subnets": "subnetid",
}
Leaf = tuple[str, str]


def leaves(value: object, key: str = "") -> Iterator[Leaf]:
    """Yield every value with its name, both in lower case; JSON in a string is parsed."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, str(name))
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, key)
    elif isinstance(value, str) and value.startswith('{"'):
        yield from leaves(json.loads(value), key)
    elif isinstance(value, str) and value.startswith("{'"):  # moto's role policies: Python literals
        yield from leaves(ast.literal_eval(value), key)
    else:
        text = str(value).lower()
        yield NAMES.get(key.lower(), key.lower()), text.removesuffix(".0").strip()


def find_lost(properties: dict[str, Any], answers: object) -> set[str]:
    """Return the names of the property values that are not in the answers."""
    found = set(leaves(answers))
    return {name for name, value in leaves(properties) if (name, value) not in found}


def read_back(aws: Clients, kind: str, physical: str) -> list[Any]:
    """Read all that the service returns about a resource; refused calls are left out."""
    answers: list[Any] = []
    for read in READ[kind]:
        with suppress(ClientError):
            answers.append(read(aws, physical))
    return answers


def _queue(aws: Clients, url: str) -> Any:
    attributes = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {**attributes, "QueueName": url.rsplit("/", 1)[-1], "Queues": url}


def _role(aws: Clients, name: str) -> Any:
    iam = aws("iam")
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    policies = [iam.get_role_policy(RoleName=name, PolicyName=policy) for policy in names]
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
    answer = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    (group,) = answer["AutoScalingGroups"]
    return {**group, "VPCZoneIdentifier": group["VPCZoneIdentifier"].split(",")}


def _managed_policy(aws: Clients, arn: str) -> Any:
    iam = aws("iam")
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    version = policy["DefaultVersionId"]
    roles = [role["RoleName"] for role in iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return [policy, document, {"Roles": roles}]


def _service(aws: Clients, arn: str) -> Any:
    cluster, service = arn.split("/")[1:]
    (found,) = aws("ecs").describe_services(cluster=cluster, services=[service])["services"]
    return {**found, "cluster": cluster}


def _profile(aws: Clients, name: str) -> Any:
    profile = aws("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    return {"Roles": [role["RoleName"] for role in profile["Roles"]]}


def _group(aws: Clients, group: str) -> Any:
    return aws("ec2").describe_security_groups(GroupIds=[group])


def _policies(aws: Clients, arn: str) -> Any:
    answer = aws("application-autoscaling").describe_scaling_policies(ServiceNamespace="ecs")
    policy = next(one for one in answer["ScalingPolicies"] if one["PolicyARN"] == arn)
    target = (policy["ResourceId"], policy["ScalableDimension"], policy["ServiceNamespace"])
    return {**policy, "ScalingTargetId": "|".join(target)}


def _targets(aws: Clients, target: str) -> Any:
    answer = aws("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    resource, _, _ = target.partition("|")
    return next(one for one in answer["ScalableTargets"] if one["ResourceId"] == resource)


def _secret(aws: Clients, arn: str) -> Any:
    secrets = aws("secretsmanager")
    value = secrets.get_secret_value(SecretId=arn)["SecretString"]
    generated = {"PasswordLength": len(value), "ExcludePunctuation": value.isalnum()}
    return [secrets.describe_secret(SecretId=arn), {"SecretString": value}, generated]


def _dashboard(aws: Clients, name: str) -> Any:
    return aws("cloudwatch").get_dashboard(DashboardName=name)


Read = Callable[[Clients, str], Any]
READ: dict[str, list[Read]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": [_targets],
    "AWS::ApplicationAutoScaling::ScalingPolicy": [_policies],
    "AWS::AutoScaling::AutoScalingGroup": [_instances],
    "AWS::CloudWatch::Alarm": [lambda aws, name: aws("cloudwatch").describe_alarms(AlarmNames=[name])],
    "AWS::CloudWatch::Dashboard": [_dashboard],
    "AWS::EC2::LaunchTemplate": [
        lambda aws, name: aws("ec2").describe_launch_template_versions(LaunchTemplateId=name)
    ],
    "AWS::EC2::SecurityGroup": [_group],
    "AWS::EC2::SecurityGroupEgress": [_group],
    "AWS::EC2::SecurityGroupIngress": [_group],
    "AWS::ECS::CapacityProvider": [
        lambda aws, name: aws("ecs").describe_capacity_providers(capacityProviders=[name])
    ],
    "AWS::ECS::Cluster": [lambda aws, name: aws("ecs").describe_clusters(clusters=[name])],
    "AWS::ECS::ClusterCapacityProviderAssociations": [
        lambda aws, name: {**aws("ecs").describe_clusters(clusters=[name])["clusters"][0], "cluster": name}
    ],
    "AWS::ECS::Service": [_service],
    "AWS::ECS::TaskDefinition": [
        lambda aws, name: aws("ecs").describe_task_definition(taskDefinition=name)["taskDefinition"]
    ],
    "AWS::ElastiCache::ReplicationGroup": [
        lambda aws, name: aws("elasticache").describe_replication_groups(ReplicationGroupId=name)
    ],
    "AWS::ElastiCache::SubnetGroup": [
        lambda aws, name: aws("elasticache").describe_cache_subnet_groups(CacheSubnetGroupName=name)
    ],
    "AWS::ElastiCache::User": [lambda aws, name: aws("elasticache").describe_users(UserId=name)],
    "AWS::ElasticLoadBalancingV2::Listener": [
        lambda aws, name: aws("elbv2").describe_listeners(ListenerArns=[name])
    ],
    "AWS::ElasticLoadBalancingV2::ListenerRule": [
        lambda aws, name: {
            "ListenerArn": name.rpartition("/")[0].replace("listener-rule", "listener"),
            **aws("elbv2").describe_rules(RuleArns=[name]),
        }
    ],
    "AWS::ElasticLoadBalancingV2::LoadBalancer": [
        lambda aws, name: aws("elbv2").describe_load_balancers(LoadBalancerArns=[name]),
        lambda aws, name: aws("elbv2").describe_load_balancer_attributes(LoadBalancerArn=name),
    ],
    "AWS::ElasticLoadBalancingV2::TargetGroup": [
        lambda aws, name: aws("elbv2").describe_target_groups(TargetGroupArns=[name]),
        lambda aws, name: aws("elbv2").describe_target_group_attributes(TargetGroupArn=name),
    ],
    "AWS::Events::Rule": [
        lambda aws, name: aws("events").describe_rule(Name=name),
        lambda aws, name: aws("events").list_targets_by_rule(Rule=name),
    ],
    "AWS::IAM::InstanceProfile": [_profile],
    "AWS::IAM::ManagedPolicy": [_managed_policy],
    "AWS::IAM::Policy": [_role_policies],
    "AWS::IAM::Role": [_role],
    "AWS::KMS::Key": [
        lambda aws, name: aws("kms").describe_key(KeyId=name),
        lambda aws, name: aws("kms").get_key_policy(KeyId=name, PolicyName="default"),
        lambda aws, name: {
            "EnableKeyRotation": aws("kms").get_key_rotation_status(KeyId=name)["KeyRotationEnabled"]
        },
    ],
    "AWS::Logs::LogGroup": [lambda aws, name: aws("logs").describe_log_groups(logGroupNamePrefix=name)],
    "AWS::Logs::ResourcePolicy": [lambda aws, _: aws("logs").describe_resource_policies()],
    "AWS::S3::Bucket": [
        lambda aws, name: {"BucketName": aws("s3").head_bucket(Bucket=name) and name},
        lambda aws, name: aws("s3").get_bucket_encryption(Bucket=name),
        lambda aws, name: aws("s3").get_bucket_lifecycle_configuration(Bucket=name),
        lambda aws, name: aws("s3").get_bucket_notification_configuration(Bucket=name),
        lambda aws, name: aws("s3").get_bucket_ownership_controls(Bucket=name),
        lambda aws, name: aws("s3").get_public_access_block(Bucket=name),
    ],
    "AWS::S3::BucketPolicy": [lambda aws, name: {"Bucket": name, **aws("s3").get_bucket_policy(Bucket=name)}],
    "AWS::SNS::Subscription": [
        lambda aws, name: aws("sns").get_subscription_attributes(SubscriptionArn=name)["Attributes"]
    ],
    "AWS::SNS::Topic": [
        lambda aws, name: {
            "TopicName": name.rsplit(":", 1)[-1],
            **aws("sns").get_topic_attributes(TopicArn=name),
        }
    ],
    "AWS::SecretsManager::Secret": [_secret],
    "AWS::SQS::Queue": [_queue],
    "AWS::SQS::QueuePolicy": [_queue],
}
