"""The CloudFormation template."""
