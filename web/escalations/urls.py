"""The staff pages' addresses, mounted at /staff/."""

from django.urls import path

from web.escalations import views

app_name = "escalations"

urlpatterns = [
    path("", views.queue, name="queue"),
    path("queue.json", views.queue_data, name="queue_data"),
    path("escalations/<uuid:pk>/", views.detail, name="detail"),
    path("escalations/<uuid:pk>/claim/", views.claim, name="claim"),
    path("escalations/<uuid:pk>/resolve/", views.resolve, name="resolve"),
]
