"""Alibaba Cloud RAM, API 2015-05-01: users, roles and policies, also for the command `aliyun ram`."""
