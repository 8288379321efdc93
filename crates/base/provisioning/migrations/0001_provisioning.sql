-- Directories of departments that keep their officials here through SCIM. One for each registered system.
CREATE TABLE provisioning_directory (
    client TEXT NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL,
    -- Post proposed for everybody who joins; empty for none.
    post TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);

-- What a directory notes about an official beside the official's own record; an official is in one directory at most.
CREATE TABLE provisioning_user (
    account TEXT NOT NULL PRIMARY KEY,
    client TEXT NOT NULL,
    external_id TEXT NOT NULL,
    -- Sealed JSON: the attributes as the directory wrote them.
    document BYTEA NOT NULL,
    -- 1: the directory suspended the official, so it may end that again.
    suspended BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX provisioning_user_external ON provisioning_user(client, external_id);

-- The same about a post.
CREATE TABLE provisioning_group (
    id TEXT NOT NULL PRIMARY KEY,
    client TEXT NOT NULL,
    post TEXT NOT NULL,
    external_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX provisioning_group_client ON provisioning_group(client);

-- Requests of directories, for the engineers on both sides. No value of a request is kept.
CREATE TABLE provisioning_request (
    id TEXT NOT NULL PRIMARY KEY,
    client TEXT NOT NULL,
    at BIGINT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status BIGINT NOT NULL,
    problem TEXT NOT NULL,
    detail TEXT NOT NULL,
    -- Names of attributes, separated by spaces: changed, left out, waiting for approval.
    changed TEXT NOT NULL,
    ignored TEXT NOT NULL,
    waiting TEXT NOT NULL,
    request TEXT NOT NULL
);
CREATE INDEX provisioning_request_client ON provisioning_request(client, id);
CREATE INDEX provisioning_request_at ON provisioning_request(at);
