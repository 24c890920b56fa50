//! The shapes that providers give their secrets: a fixed beginning, then a run of a class. Sources: the providers' own documentation of their
//! token formats. The beginning is compared with its case; lengths are lower bounds, since formats grow.

use super::class::Class::{self, Alnum, Base64, Dotted, Hex, Path, Slug, Upper, Word};

/// One shape.
#[derive(Debug)]
pub struct Shape {
    /// What it is called in a token.
    pub label: &'static str,
    /// How it begins.
    pub anchor: &'static str,
    /// What follows.
    pub class: Class,
    /// How much of it must follow.
    pub min: usize,
    /// Where else it could be part of an ordinary word: it must begin a word and hold a digit.
    pub strict: bool,
}

const fn sure(label: &'static str, anchor: &'static str, class: Class, min: usize) -> Shape {
    Shape { label, anchor, class, min, strict: false }
}

const fn strict(label: &'static str, anchor: &'static str, class: Class, min: usize) -> Shape {
    Shape { label, anchor, class, min, strict: true }
}

/// All of them.
pub static SHAPES: &[Shape] = &[
    // forges and registries
    sure("github-token", "ghp_", Word, 30),
    sure("github-token", "gho_", Word, 30),
    sure("github-token", "ghu_", Word, 30),
    sure("github-token", "ghs_", Dotted, 30),
    sure("github-token", "ghr_", Word, 30),
    sure("github-token", "github_pat_", Word, 22),
    sure("gitlab-token", "glpat-", Dotted, 20),
    sure("gitlab-token", "gldt-", Dotted, 20),
    sure("gitlab-token", "glrt-", Dotted, 20),
    sure("gitlab-token", "glcbt-", Dotted, 20),
    sure("gitlab-token", "glptt-", Dotted, 20),
    sure("gitlab-token", "glsoat-", Dotted, 20),
    sure("gitlab-token", "glagent-", Dotted, 20),
    strict("bitbucket-token", "ATBB", Alnum, 24),
    strict("bitbucket-token", "ATCTT3", Base64, 40),
    sure("npm-token", "npm_", Alnum, 30),
    sure("pypi-token", "pypi-AgE", Slug, 40),
    sure("pypi-token", "pypi-AgN", Slug, 40),
    sure("rubygems-key", "rubygems_", Hex, 40),
    strict("crates-token", "cio", Alnum, 32),
    sure("docker-token", "dckr_pat_", Slug, 20),
    sure("docker-token", "dckr_oat_", Slug, 20),
    // language models
    sure("anthropic-key", "sk-ant-", Slug, 20),
    sure("openai-key", "sk-proj-", Slug, 20),
    sure("openai-key", "sk-svcacct-", Slug, 20),
    sure("openai-key", "sk-admin-", Slug, 20),
    strict("openai-key", "sk-", Slug, 20),
    strict("huggingface-token", "hf_", Alnum, 30),
    sure("replicate-token", "r8_", Alnum, 30),
    sure("groq-key", "gsk_", Alnum, 40),
    sure("xai-key", "xai-", Alnum, 40),
    sure("nvidia-key", "nvapi-", Slug, 40),
    sure("perplexity-key", "pplx-", Alnum, 32),
    sure("langsmith-key", "lsv2_pt_", Word, 30),
    sure("langsmith-key", "lsv2_sk_", Word, 30),
    sure("tavily-key", "tvly-", Slug, 20),
    sure("pinecone-key", "pcsk_", Word, 30),
    sure("jina-key", "jina_", Word, 32),
    strict("voyage-key", "pa-", Slug, 40),
    // clouds
    strict("aws-access-key-id", "AKIA", Upper, 16),
    strict("aws-access-key-id", "ASIA", Upper, 16),
    strict("aws-access-key-id", "ABIA", Upper, 16),
    sure("aws-bedrock-key", "ABSKQmVkcm9ja0FQSUtleS", Base64, 40),
    sure("google-api-key", "AIza", Slug, 30),
    sure("google-oauth-token", "ya29.", Dotted, 20),
    sure("google-oauth-secret", "GOCSPX-", Slug, 20),
    strict("google-refresh-token", "1//0", Slug, 30),
    sure("digitalocean-token", "dop_v1_", Hex, 40),
    sure("digitalocean-token", "doo_v1_", Hex, 40),
    sure("digitalocean-token", "dor_v1_", Hex, 40),
    strict("alibaba-key-id", "LTAI", Alnum, 16),
    strict("tencent-key-id", "AKID", Alnum, 32),
    sure("heroku-key", "HRKU-", Slug, 30),
    sure("fly-token", "fm2_", Base64, 40),
    sure("fly-token", "fo1_", Slug, 30),
    sure("netlify-token", "nfp_", Alnum, 30),
    sure("vercel-token", "vercel_blob_rw_", Word, 20),
    sure("supabase-key", "sbp_", Hex, 40),
    sure("supabase-key", "sb_secret_", Slug, 20),
    sure("planetscale-token", "pscale_tkn_", Dotted, 30),
    sure("planetscale-password", "pscale_pw_", Dotted, 30),
    strict("databricks-token", "dapi", Hex, 32),
    sure("vault-token", "hvs.", Slug, 20),
    sure("vault-token", "hvb.", Slug, 20),
    sure("doppler-token", "dp.pt.", Alnum, 40),
    sure("doppler-token", "dp.st.", Dotted, 40),
    sure("pulumi-token", "pul-", Hex, 40),
    sure("tailscale-key", "tskey-", Slug, 20),
    sure("onepassword-token", "ops_eyJ", Base64, 60),
    sure("age-key", "AGE-SECRET-KEY-1", Alnum, 50),
    // chat, mail, work
    sure("slack-token", "xoxb-", Dotted, 10),
    sure("slack-token", "xoxa-", Dotted, 10),
    sure("slack-token", "xoxp-", Dotted, 10),
    sure("slack-token", "xoxr-", Dotted, 10),
    sure("slack-token", "xoxs-", Dotted, 10),
    sure("slack-token", "xoxc-", Dotted, 10),
    sure("slack-token", "xoxd-", Path, 10),
    sure("slack-token", "xoxe-", Dotted, 10),
    sure("slack-token", "xoxe.", Dotted, 10),
    sure("slack-token", "xapp-", Dotted, 10),
    sure("slack-webhook", "hooks.slack.com/services/", Path, 20),
    sure("slack-webhook", "hooks.slack.com/workflows/", Path, 20),
    sure("slack-webhook", "hooks.slack.com/triggers/", Path, 20),
    sure("discord-webhook", "discord.com/api/webhooks/", Path, 20),
    sure("discord-webhook", "discordapp.com/api/webhooks/", Path, 20),
    sure("teams-webhook", ".webhook.office.com/webhookb2/", Path, 30),
    sure("linear-key", "lin_api_", Alnum, 20),
    sure("linear-token", "lin_oauth_", Alnum, 20),
    sure("linear-webhook-secret", "lin_wh_", Alnum, 20),
    sure("notion-token", "ntn_", Alnum, 30),
    sure("atlassian-token", "ATATT3", Base64, 40),
    sure("figma-token", "figd_", Slug, 30),
    sure("airtable-token", "patAA", Dotted, 60),
    strict("sendgrid-key", "SG.", Dotted, 40),
    strict("mailgun-key", "key-", Hex, 32),
    strict("sendinblue-key", "xkeysib-", Slug, 40),
    sure("postman-key", "PMAK-", Slug, 40),
    // money
    sure("stripe-key", "sk_live_", Alnum, 16),
    sure("stripe-key", "sk_test_", Alnum, 16),
    sure("stripe-key", "rk_live_", Alnum, 16),
    sure("stripe-key", "rk_test_", Alnum, 16),
    sure("stripe-webhook-secret", "whsec_", Base64, 20),
    sure("square-token", "sq0atp-", Slug, 20),
    sure("square-token", "sq0csp-", Slug, 30),
    sure("shopify-token", "shpat_", Hex, 30),
    sure("shopify-token", "shpca_", Hex, 30),
    sure("shopify-token", "shppa_", Hex, 30),
    sure("shopify-token", "shpss_", Hex, 30),
    sure("elevenlabs-key", "sk_", Hex, 40),
    // watching and building
    sure("sentry-token", "sntrys_", Base64, 30),
    sure("sentry-token", "sntryu_", Hex, 40),
    sure("grafana-token", "glsa_", Word, 30),
    strict("grafana-token", "glc_", Base64, 30),
    sure("newrelic-key", "NRAK-", Alnum, 20),
    strict("newrelic-key", "NRII-", Slug, 20),
    sure("circleci-token", "CCIPAT_", Word, 40),
    sure("buildkite-token", "bkua_", Hex, 40),
    strict("launchdarkly-key", "sdk-", Slug, 36),
    sure("dynatrace-token", "dt0c01.", Dotted, 60),
];
