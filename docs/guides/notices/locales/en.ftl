notices = Notices
notices-empty = No notices yet.
notices-title-label = Title
notices-publish = Publish
notices-title = Write a title of at most 200 characters.
notices-permission-publish = Publish notices
