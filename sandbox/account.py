"""The accounts that everything in the sandbox belongs to: Alibaba Cloud's, and Huawei Cloud's."""

ACCOUNT_ID = "1000000000000001"
DOMAIN_ID = "000000000000000000000000000d0a17"
