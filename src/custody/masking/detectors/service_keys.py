"""Keys and tokens that well-known services issue, by the shapes their own documentation gives.

Law: an expression here starts with what makes the shape unmistakable, so that its beginning alone
can serve to find candidates. Written from the issuers' public documentation.
"""

from typing import Final

TOKENS: Final = (
    rb"gh[pousr]_[A-Za-z0-9]{20,}",  # GitHub
    rb"github_pat_[A-Za-z0-9_]{20,}",
    rb"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|oas|wt)-[A-Za-z0-9_.-]{16,}",  # GitLab
    rb"GR1348941[A-Za-z0-9_-]{20,}",
    rb"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}",  # Slack
    rb"xapp-[0-9]-[A-Za-z0-9-]{10,}",
    rb"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{16,}",
    rb"(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,}",  # Stripe
    rb"whsec_[A-Za-z0-9+/=]{16,}",
    rb"npm_[A-Za-z0-9]{30,}",
    rb"pypi-[A-Za-z0-9_-]{50,}",
    rb"rubygems_[0-9a-f]{40,}",
    rb"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}",  # Docker
    rb"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
    rb"hv[sbr]\.[A-Za-z0-9_-]{20,}",  # HashiCorp Vault
    rb"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{40,}",  # HashiCorp Terraform
    rb"do[oprt]_v1_[0-9a-f]{32,}",  # DigitalOcean
    rb"shp(?:at|ca|pa|ss|tka)_[0-9A-Fa-f]{32,}",  # Shopify
    rb"sq0[a-z]{3}-[A-Za-z0-9_-]{20,}",  # Square
    rb"EAAA[A-Za-z0-9_-]{56,}",
    rb"hf_[A-Za-z0-9]{30,}",  # Hugging Face
    rb"lin_(?:api|oauth)_[A-Za-z0-9]{32,}",  # Linear
    rb"ntn_[A-Za-z0-9]{40,}",  # Notion
    rb"secret_[A-Za-z0-9]{40,}",
    rb"AT[AC]TT3[A-Za-z0-9_=-]{40,}",  # Atlassian
    rb"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",  # Postman
    rb"NRAK-[A-Z0-9]{20,}",  # New Relic
    rb"gl(?:sa|c)_[A-Za-z0-9+/=_]{32,}",  # Grafana
    rb"sntry[su]_[A-Za-z0-9+/=_-]{32,}",  # Sentry
    rb"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{20,}",  # Doppler
    rb"fo1_[A-Za-z0-9_-]{40,}",  # Fly.io
    rb"fm[12][ar]?_[A-Za-z0-9+/=_-]{80,}",
    rb"dapi[0-9a-f]{32}",  # Databricks
    rb"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}",  # PlanetScale
    rb"sb(?:p|_secret|_publishable)_[A-Za-z0-9_]{20,}",  # Supabase
    rb"HRKU-[A-Za-z0-9_-]{30,}",  # Heroku
    rb"AKCp[0-9A-Za-z]{60,}",  # Artifactory
    rb"cmVmd[A-Za-z0-9]{50,}",
    rb"key-[0-9a-f]{32}",  # Mailgun
    rb"[0-9a-f]{32}-us[0-9]{1,2}",  # Mailchimp
    rb"(?:r8|tvly|gsk|pplx|figd|nvapi|xai)[_-][A-Za-z0-9_-]{30,}",  # AI and design services
    rb"LTAI[A-Za-z0-9]{12,}",  # Alibaba Cloud
    rb"AGE-SECRET-KEY-1[0-9A-Z]{50,}",
    rb"ops_eyJ[A-Za-z0-9_-]{40,}",  # 1Password
    rb"oauth2:[A-Za-z0-9_-]{20,}",
    rb"ct_[A-Za-z0-9_-]{20,}",  # Custody's own tickets
)
"""Unmistakable wherever they stand."""

WORD_TOKENS: Final = (
    rb"sk-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic and those that follow them
    rb"(?:AC|SK)[0-9a-f]{32}",  # Twilio
    rb"s\.[A-Za-z0-9]{24}",  # HashiCorp Vault, before 1.10
    rb"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}",  # Telegram
    rb"[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",  # Discord
    rb"cio[A-Za-z0-9]{32}",  # crates.io
)
"""Short beginnings: only at the start of a word."""

CLOUD_KEYS: Final = (
    rb"A(?:KIA|SIA|BIA|CCA|GPA|IDA|IPA|NPA|NVA|ROA|PKA)[A-Z0-9]{16}",  # AWS identifiers
    rb"AIza[A-Za-z0-9_-]{35}",  # Google API keys
    rb"ya29\.[A-Za-z0-9_-]{20,}",  # Google OAuth
    rb"GOCSPX-[A-Za-z0-9_-]{20,}",
    rb"1//0[A-Za-z0-9_-]{30,}",
    rb"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",  # Microsoft Entra client secrets
    rb"[A-Za-z0-9+/]{86}==",  # Azure storage and Cosmos DB account keys
    rb"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{12,}",  # Azure keys with a signature
    rb"[A-Za-z0-9+/]{32,}(?:ACDb|AzSe|AzFu|ARm|ASt)[A-Za-z0-9+/]{4,}={0,2}",
)

NAMED_CLOUD_KEYS: Final = (
    rb"(?i:aws|secret|amazon)[A-Za-z0-9_ .-]{0,30}[\"']?[\s:=>,]{1,6}[\"']?([A-Za-z0-9/+]{40})",
    rb"(?i:private_key_id)[\"'\\]*\s*[:=]\s*[\"'\\]*([0-9a-f]{40})",
    rb"(?i:accountkey|sharedaccesskey|sharedsecret)\s*=\s*([A-Za-z0-9+/=]{20,})",
    rb"(?i:[?&]sig|sharedaccesssignature)=([A-Za-z0-9%+/=_-]{20,})",
)
"""Known by the name before them; the first group is the key."""
