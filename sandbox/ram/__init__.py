"""Alibaba Cloud RAM, 2015-05-01: users, roles and policies, which the command line `aliyun ram` asks for as well."""
