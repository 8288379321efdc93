CREATE TABLE notices_notice (
    id TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, org_path TEXT NOT NULL, area_code TEXT NOT NULL,
    version BIGINT NOT NULL, published_at BIGINT NOT NULL
);
CREATE INDEX notices_notice_time ON notices_notice(published_at);
