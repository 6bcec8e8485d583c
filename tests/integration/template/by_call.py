"""Resources made by their service's own call, of the properties that CloudFormation would have given it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Clients = Callable[[str], Any]  # boto3 clients by service


def lowered(value: Any) -> Any:
    """Give properties as ECS's API has them: the first letter of each name small."""
    if isinstance(value, list):
        return [lowered(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {key[0].lower() + key[1:]: lowered(one) for key, one in value.items()}


def _queue_policy(aws: Clients, its: dict[str, Any]) -> str:
    for url in its["Queues"]:
        policy = {"Policy": json.dumps(its["PolicyDocument"])}
        aws("sqs").set_queue_attributes(QueueUrl=url, Attributes=policy)
    return str(its["Queues"][0])


def _bucket_policy(aws: Clients, its: dict[str, Any]) -> str:
    aws("s3").put_bucket_policy(Bucket=its["Bucket"], Policy=json.dumps(its["PolicyDocument"]))
    return str(its["Bucket"])


def _secret(aws: Clients, its: dict[str, Any]) -> str:
    secrets = aws("secretsmanager")
    drawn = its.pop("GenerateSecretString", None)
    value = its.pop("SecretString", None) or secrets.get_random_password(**drawn)["RandomPassword"]
    name = its["Description"].replace(" ", "-")
    return str(secrets.create_secret(Name=name, SecretString=value, **its)["ARN"])


def _egress(aws: Clients, its: dict[str, Any]) -> str:
    rule = {key: int(its[key]) for key in ("FromPort", "ToPort")} | {"IpProtocol": its["IpProtocol"]}
    if "CidrIp" in its:
        rule["IpRanges"] = [{"CidrIp": its["CidrIp"], "Description": its["Description"]}]
    else:
        pair = {"GroupId": its["DestinationSecurityGroupId"], "Description": its["Description"]}
        rule["UserIdGroupPairs"] = [pair]
    aws("ec2").authorize_security_group_egress(GroupId=its["GroupId"], IpPermissions=[rule])
    return str(its["GroupId"])


def _scalable_target(aws: Clients, its: dict[str, Any]) -> str:
    numbers = {key: int(its[key]) for key in ("MinCapacity", "MaxCapacity")}
    aws("application-autoscaling").register_scalable_target(**its | numbers)
    return "|".join((its["ResourceId"], its["ScalableDimension"], its["ServiceNamespace"]))


def _scaling_policy(aws: Clients, its: dict[str, Any]) -> str:
    resource, dimension, namespace = its.pop("ScalingTargetId").split("|")
    tracking = its["TargetTrackingScalingPolicyConfiguration"]
    tracking["TargetValue"] = float(tracking["TargetValue"])
    answer = aws("application-autoscaling").put_scaling_policy(
        **its, ResourceId=resource, ScalableDimension=dimension, ServiceNamespace=namespace
    )
    return str(answer["PolicyARN"])


def _alarm(aws: Clients, its: dict[str, Any]) -> str:
    aws("cloudwatch").put_metric_alarm(**its | {"Threshold": float(its["Threshold"])})
    return str(its["AlarmName"])


def _capacity_provider(aws: Clients, its: dict[str, Any]) -> str:
    answer = aws("ecs").create_capacity_provider(name="gpu-instances", **lowered(its))
    return str(answer["capacityProvider"]["name"])


def _cluster_capacity(aws: Clients, its: dict[str, Any]) -> str:
    aws("ecs").put_cluster_capacity_providers(**lowered(its))
    return str(its["Cluster"])


def _cache_subnets(aws: Clients, its: dict[str, Any]) -> str:
    name, description = its["Description"].replace(" ", "-").lower(), its["Description"]
    aws("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName=name, CacheSubnetGroupDescription=description, SubnetIds=its["SubnetIds"]
    )
    return str(name)


def _cache_user(aws: Clients, its: dict[str, Any]) -> str:
    return str(aws("elasticache").create_user(**its)["UserId"])


def _cache(aws: Clients, its: dict[str, Any]) -> str:
    answer = aws("elasticache").create_replication_group(**its | {"Port": int(its["Port"])})
    return str(answer["ReplicationGroup"]["ReplicationGroupId"])


def _rest_of_bucket(aws: Clients, its: dict[str, Any]) -> str:
    s3, bucket = aws("s3"), its["BucketName"]
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=its["PublicAccessBlockConfiguration"]
    )
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=its["OwnershipControls"])
    rules = [_lifecycle_rule(dict(rule)) for rule in its["LifecycleConfiguration"]["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    queues = [
        {"Events": [one["Event"]], "QueueArn": one["Queue"]}
        for one in its["NotificationConfiguration"]["QueueConfigurations"]
    ]
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": queues}
    )
    return str(bucket)


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    days = rule.pop("ExpirationInDays", None)
    return {"Filter": {}, "ID": rule.pop("Id"), **rule} | (
        {"Expiration": {"Days": int(days)}} if days else {}
    )


def _task_definition(aws: Clients, its: dict[str, Any]) -> str:
    options = its["ContainerDefinitions"][0]["LogConfiguration"].pop(
        "Options"
    )  # their names stay as they are
    given = lowered(its)
    container = given["containerDefinitions"][0]
    container["logConfiguration"]["options"] = options
    container["stopTimeout"] = int(container["stopTimeout"])
    answer = aws("ecs").register_task_definition(**given)
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def _service(aws: Clients, its: dict[str, Any]) -> str:
    aws("ecs").delete_service(cluster=its["Cluster"], service=its["ServiceName"], force=True)
    return str(aws("ecs").create_service(**lowered(its))["service"]["serviceArn"])


# Types that moto's CloudFormation makes without most of their properties: made again of all of them.
AGAIN_BY_CALL: dict[str, Callable[[Clients, dict[str, Any]], str]] = {
    "AWS::S3::Bucket": _rest_of_bucket,
    "AWS::ECS::TaskDefinition": _task_definition,
    "AWS::ECS::Service": _service,
}
# Types that moto's CloudFormation leaves out although moto has their service: made of the same properties by its calls.
BY_CALL: dict[str, Callable[[Clients, dict[str, Any]], str]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": _scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::EC2::SecurityGroupEgress": _egress,
    "AWS::ECS::CapacityProvider": _capacity_provider,
    "AWS::ECS::ClusterCapacityProviderAssociations": _cluster_capacity,
    "AWS::ElastiCache::ReplicationGroup": _cache,
    "AWS::ElastiCache::SubnetGroup": _cache_subnets,
    "AWS::ElastiCache::User": _cache_user,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::Subscription": lambda aws, its: str(aws("sns").subscribe(**its)["SubscriptionArn"]),
    "AWS::SecretsManager::Secret": _secret,
    "AWS::SQS::QueuePolicy": _queue_policy,
}
