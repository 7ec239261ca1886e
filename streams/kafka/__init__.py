"""The log on Apache Kafka, by aiokafka; the only package beside intake that talks to a broker."""

from streams.kafka.access import Access, Credentials
from streams.kafka.log import KafkaLog
from streams.kafka.offset_fetch import mend_offset_fetch

mend_offset_fetch()

__all__ = ["Access", "Credentials", "KafkaLog"]
