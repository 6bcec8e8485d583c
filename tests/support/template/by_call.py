"""Creates resources by their service's API, from the properties that CloudFormation would pass."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Clients = Callable[[str], Any]  # boto3 clients by service


def lower_keys(value: Any) -> Any:
    """Turn property names into those of ECS's API, which start with a small letter."""
    if isinstance(value, list):
        return [lower_keys(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {key[0].lower() + key[1:]: lower_keys(one) for key, one in value.items()}


def _queue_policy(aws: Clients, properties: dict[str, Any]) -> str:
    for url in properties["Queues"]:
        policy = {"Policy": json.dumps(properties["PolicyDocument"])}
        aws("sqs").set_queue_attributes(QueueUrl=url, Attributes=policy)
    return str(properties["Queues"][0])


def _bucket_policy(aws: Clients, properties: dict[str, Any]) -> str:
    aws("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"]))
    return str(properties["Bucket"])


def _secret(aws: Clients, properties: dict[str, Any]) -> str:
    secrets = aws("secretsmanager")
    random = properties.pop("GenerateSecretString", None)
    value = properties.pop("SecretString", None) or secrets.get_random_password(**random)["RandomPassword"]
    name = properties["Description"].replace(" ", "-")
    return str(secrets.create_secret(Name=name, SecretString=value, **properties)["ARN"])


def _egress(aws: Clients, properties: dict[str, Any]) -> str:
    rule = {key: int(properties[key]) for key in ("FromPort", "ToPort")} | {
        "IpProtocol": properties["IpProtocol"]
    }
    if "CidrIp" in properties:
        rule["IpRanges"] = [{"CidrIp": properties["CidrIp"], "Description": properties["Description"]}]
    else:
        pair = {"GroupId": properties["DestinationSecurityGroupId"], "Description": properties["Description"]}
        rule["UserIdGroupPairs"] = [pair]
    aws("ec2").authorize_security_group_egress(GroupId=properties["GroupId"], IpPermissions=[rule])
    return str(properties["GroupId"])


def _scalable_target(aws: Clients, properties: dict[str, Any]) -> str:
    numbers = {key: int(properties[key]) for key in ("MinCapacity", "MaxCapacity")}
    aws("application-autoscaling").register_scalable_target(**properties | numbers)
    return "|".join(
        (properties["ResourceId"], properties["ScalableDimension"], properties["ServiceNamespace"])
    )


def _scaling_policy(aws: Clients, properties: dict[str, Any]) -> str:
    resource, dimension, namespace = properties.pop("ScalingTargetId").split("|")
    tracking = properties["TargetTrackingScalingPolicyConfiguration"]
    tracking["TargetValue"] = float(tracking["TargetValue"])
    answer = aws("application-autoscaling").put_scaling_policy(
        **properties, ResourceId=resource, ScalableDimension=dimension, ServiceNamespace=namespace
    )
    return str(answer["PolicyARN"])


def _alarm(aws: Clients, properties: dict[str, Any]) -> str:
    aws("cloudwatch").put_metric_alarm(**properties | {"Threshold": float(properties["Threshold"])})
    return str(properties["AlarmName"])


def _capacity_provider(aws: Clients, properties: dict[str, Any]) -> str:
    answer = aws("ecs").create_capacity_provider(name="gpu-instances", **lower_keys(properties))
    return str(answer["capacityProvider"]["name"])


def _cluster_capacity(aws: Clients, properties: dict[str, Any]) -> str:
    aws("ecs").put_cluster_capacity_providers(**lower_keys(properties))
    return str(properties["Cluster"])


def _cache_subnets(aws: Clients, properties: dict[str, Any]) -> str:
    name, description = properties["Description"].replace(" ", "-").lower(), properties["Description"]
    aws("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName=name, CacheSubnetGroupDescription=description, SubnetIds=properties["SubnetIds"]
    )
    return str(name)


def _cache_user(aws: Clients, properties: dict[str, Any]) -> str:
    return str(aws("elasticache").create_user(**properties)["UserId"])


def _cache(aws: Clients, properties: dict[str, Any]) -> str:
    answer = aws("elasticache").create_replication_group(**properties | {"Port": int(properties["Port"])})
    return str(answer["ReplicationGroup"]["ReplicationGroupId"])


def _bucket(aws: Clients, properties: dict[str, Any]) -> str:
    s3, bucket = aws("s3"), properties["BucketName"]
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=properties["OwnershipControls"])
    rules = [_lifecycle_rule(dict(rule)) for rule in properties["LifecycleConfiguration"]["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    queues = [
        {"Events": [one["Event"]], "QueueArn": one["Queue"]}
        for one in properties["NotificationConfiguration"]["QueueConfigurations"]
    ]
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": queues}
    )
    return str(bucket)


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    days = rule.pop("ExpirationInDays", None)
    expiration = {"Expiration": {"Days": int(days)}} if days else {}
    return {"Filter": {}, "ID": rule.pop("Id"), **rule, **expiration}


def _task_definition(aws: Clients, properties: dict[str, Any]) -> str:
    # The names of these options do not change.
    options = properties["ContainerDefinitions"][0]["LogConfiguration"].pop("Options")
    definition = lower_keys(properties)
    container = definition["containerDefinitions"][0]
    container["logConfiguration"]["options"] = options
    container["stopTimeout"] = int(container["stopTimeout"])
    answer = aws("ecs").register_task_definition(**definition)
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def _service(aws: Clients, properties: dict[str, Any]) -> str:
    aws("ecs").delete_service(cluster=properties["Cluster"], service=properties["ServiceName"], force=True)
    return str(aws("ecs").create_service(**lower_keys(properties))["service"]["serviceArn"])


Create = Callable[[Clients, dict[str, Any]], str]
# moto's CloudFormation ignores most properties of these types: they are created a second time.
RECREATE_BY_CALL: dict[str, Create] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::ECS::TaskDefinition": _task_definition,
    "AWS::ECS::Service": _service,
}
# moto has these services, but its CloudFormation does not create their resources.
CREATE_BY_CALL: dict[str, Create] = {
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
    "AWS::SNS::Subscription": lambda aws, properties: str(
        aws("sns").subscribe(**properties)["SubscriptionArn"]
    ),
    "AWS::SecretsManager::Secret": _secret,
    "AWS::SQS::QueuePolicy": _queue_policy,
}
# moto's CloudFormation ignores some of their properties, or cannot resolve them: these are set afterwards, by id.
AMEND_BY_CALL: dict[str, Callable[[Clients, str, dict[str, Any]], object]] = {
    "AWS::CloudWatch::Dashboard": lambda aws, _, its: aws("cloudwatch").put_dashboard(**its),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": lambda aws, arn, its: aws(
        "elbv2"
    ).modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=its["LoadBalancerAttributes"]),
    "AWS::ElasticLoadBalancingV2::TargetGroup": lambda aws, arn, its: aws(
        "elbv2"
    ).modify_target_group_attributes(TargetGroupArn=arn, Attributes=its["TargetGroupAttributes"]),
}
