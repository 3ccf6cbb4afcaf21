"""Alibaba Cloud RAM, 2015-05-01: users, roles and policies, also for the command line `aliyun ram`."""
