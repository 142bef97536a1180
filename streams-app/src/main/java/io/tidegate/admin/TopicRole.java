package io.tidegate.admin;

/** The purpose of a topic. Rules are stated for roles, so they hold for any topic name. */
public enum TopicRole {
    SIGNALS("signals"),
    BY_TENANT("signals-by-tenant"),
    CONFIGS("tenant-configs"),
    COMMANDS("tenant-commands"),
    ACCEPTED("signals-accepted"),
    QUOTA_EXCEEDED("quota-exceeded"),
    DEAD_LETTER("signals-dead-letter"),
    SEGMENTS("wal-segments"),
    EVENTS("quota-events"),
    CHANGELOG("state changelogs"),
    OWNERS("tidegate-owners");

    private final String title;

    TopicRole(String title) {
        this.title = title;
    }

    /** Returns the default name of the topic, as documentation and metrics show it. */
    public String title() {
        return title;
    }
}
