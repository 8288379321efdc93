notices = 公告
notices-empty = 还没有公告。
notices-title-label = 标题
notices-publish = 发布
notices-title = 请写标题，最多 200 字。
notices-permission-publish = 发布公告
