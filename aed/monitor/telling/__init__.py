"""Who tells others, and how: MQTT, web servers, people, Prometheus, the console."""
