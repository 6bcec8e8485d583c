"""Renders a CloudFormation template, creates it in a moto server, and evaluates its rights."""
