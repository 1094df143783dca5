"""The staff pages' addresses, mounted at /staff/."""

from django.urls import path

from web.escalations import label_views, report_views, settings_views, talk_views, views, work_views

app_name = "escalations"

urlpatterns = [
    path("", views.queue, name="queue"),
    path("queue.json", views.queue_data, name="queue_data"),
    path("events/", views.events, name="events"),
    path("views/", views.view_save, name="view_save"),
    path("views/<int:pk>/remove/", views.view_remove, name="view_remove"),
    path("off/", views.off, name="off"),
    path("on/", views.on, name="on"),
    path("targets/", settings_views.response_targets, name="targets"),
    path("screen/", label_views.screen_labels, name="screen_labels"),
    path("screen/<int:pk>/clear/", label_views.clear, name="label_clear"),
    path("screen/export.jsonl", label_views.export, name="label_export"),
    path("escalations/<uuid:pk>/", work_views.detail, name="detail"),
    path("escalations/<uuid:pk>/claim/", work_views.claim, name="claim"),
    path("escalations/<uuid:pk>/assign/", work_views.assign, name="assign"),
    path("escalations/<uuid:pk>/return/", work_views.give_back, name="return"),
    path("escalations/<uuid:pk>/note/", work_views.note, name="note"),
    path("escalations/<uuid:pk>/resolve/", work_views.resolve, name="resolve"),
    path("escalations/<uuid:pk>/label/", work_views.label, name="label"),
    path("escalations/<uuid:pk>/events/", talk_views.events, name="talk_events"),
    path("escalations/<uuid:pk>/take-over/", talk_views.take_over, name="take_over"),
    path("escalations/<uuid:pk>/reply/", talk_views.reply, name="reply"),
    path("escalations/<uuid:pk>/typing/", talk_views.typing, name="typing"),
    path("escalations/<uuid:pk>/hand-back/", talk_views.hand_back, name="hand_back"),
    path("escalations/<uuid:pk>/answers.json", talk_views.answers, name="answers"),
    path("escalations/<uuid:pk>/record/", report_views.record, name="record"),
    path("reports/", report_views.week, name="report"),
    path("reports/week.csv", report_views.week_csv, name="report_csv"),
    path("audit/", report_views.audit_log, name="audit"),
]
