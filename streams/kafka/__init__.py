"""The log on Apache Kafka, by aiokafka; the only package beside intake that talks to a broker."""

from streams.kafka.log import KafkaLog

__all__ = ["KafkaLog"]
