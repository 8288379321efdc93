-- One notice to one person (or one registered host). Its words are texts of the pack, filled in when they are read; the
-- row holds what fills them in, never a name, a phone or a code.
CREATE TABLE comms_message (
    id TEXT NOT NULL PRIMARY KEY,
    -- A subject id, or `hook:<id>`.
    recipient TEXT NOT NULL,
    kind TEXT NOT NULL,
    category TEXT NOT NULL,
    urgent BIGINT NOT NULL,
    -- In the person's own list; 0 when she chose to be told elsewhere only.
    listed BIGINT NOT NULL,
    reference TEXT NOT NULL,
    link TEXT NOT NULL,
    args TEXT NOT NULL,
    -- The fact that led to it: told once, however often it is read.
    cause TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    read_at BIGINT
);
CREATE UNIQUE INDEX comms_message_once ON comms_message(recipient, kind, cause);
CREATE INDEX comms_message_list ON comms_message(recipient, listed, id);
CREATE INDEX comms_message_unread ON comms_message(recipient, listed, read_at);

-- One row a channel. The address is sealed; it is the one of the moment of the attempt.
CREATE TABLE comms_delivery (
    id TEXT NOT NULL PRIMARY KEY,
    message TEXT NOT NULL,
    recipient TEXT NOT NULL,
    channel TEXT NOT NULL,
    urgent BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    -- Rises with each re-send by hand; part of the key of its job.
    round BIGINT NOT NULL,
    address BYTEA,
    reason TEXT,
    detail TEXT,
    next_at BIGINT,
    created_at BIGINT NOT NULL,
    tried_at BIGINT,
    sent_at BIGINT,
    delivered_at BIGINT
);
CREATE UNIQUE INDEX comms_delivery_once ON comms_delivery(message, channel);
CREATE INDEX comms_delivery_state ON comms_delivery(state, channel, id);
CREATE INDEX comms_delivery_tried ON comms_delivery(channel, tried_at);
CREATE INDEX comms_delivery_cap ON comms_delivery(recipient, channel, sent_at);

-- What a person wishes. No row: the defaults of the pack.
CREATE TABLE comms_preference (
    subject TEXT NOT NULL PRIMARY KEY,
    locale TEXT NOT NULL,
    -- JSON list of `group:channel` that are off.
    off TEXT NOT NULL,
    mail BYTEA,
    -- Keyed digest of the code sent to a new address, with its end; gone once confirmed.
    code TEXT,
    code_until BIGINT,
    tries BIGINT NOT NULL,
    confirmed_at BIGINT,
    version BIGINT NOT NULL
);

-- Systems that are told by HTTP: only those an administrator registered.
CREATE TABLE comms_hook (
    id TEXT NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    kinds TEXT NOT NULL,
    secret BYTEA NOT NULL,
    registered_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    removed_at BIGINT
);

-- The development sink of SMS and mail: a demonstration reads here what a provider would have sent.
CREATE TABLE comms_sink (
    id TEXT NOT NULL PRIMARY KEY, channel TEXT NOT NULL, address BYTEA NOT NULL, body BYTEA NOT NULL, at BIGINT NOT NULL
);
CREATE INDEX comms_sink_at ON comms_sink(at);
